//! `dist`: what is given out, in `target/dist`: the module, its hash, an image that Istio and Envoy
//! Gateway accept, and what the module was built from.
//!
//! Equal sources give equal bytes: nothing here reads a clock or tells where it was built.

mod archive;
mod bill;
mod image;

use std::fs;
use std::path::{Path, PathBuf};

use crate::wasm::sha256_of;
use crate::{Result, say, wasm, workspace};

/// The name of the software bill of materials.
const BILL: &str = "velum.cdx.json";

/// Builds the module and writes everything.
pub(crate) fn run() -> Result {
    wasm::build_modules()?;
    let module = read(&workspace::wasm_directory().join("velum.wasm"))?;
    let folder = workspace::root().join("target/dist");
    let lock = workspace::root().join("Cargo.lock");
    let lock = fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let bill = bill::of_filter(&workspace::metadata()?, &lock, &module)?;
    let image = image::of(&module);
    write(&folder, &module, &bill, &image)?;
    say::result(&format!(
        "target/dist/velum.wasm: sha256 {}",
        sha256_of(&module)
    ));
    say::result(&format!(
        "target/dist/image: digest sha256:{}",
        image.digest()
    ));
    say::result(&format!(
        "target/dist/{BILL}: {} components",
        bill["components"].as_array().map_or(0, Vec::len)
    ));
    Ok(())
}

/// Replaces the folder.
fn write(folder: &Path, module: &[u8], bill: &serde_json::Value, image: &image::Image) -> Result {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let line = format!("{}  velum.wasm\n", sha256_of(module));
    let bill = serde_json::to_string_pretty(bill).map_err(|error| error.to_string())? + "\n";
    let mut files = vec![
        (PathBuf::from("velum.wasm"), module.to_vec()),
        (PathBuf::from("velum.wasm.sha256"), line.into_bytes()),
        (PathBuf::from(BILL), bill.into_bytes()),
    ];
    let of_image = image.files().into_iter();
    files.extend(of_image.map(|(path, bytes)| (Path::new("image").join(path), bytes)));
    for (path, bytes) in files {
        let path = folder.join(path);
        let failed = |error| format!("{}: {error}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
        fs::write(&path, bytes).map_err(failed)?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}
