//! `dist`: what is given out, in `target/dist`: the module, its hash, an image that Istio and Envoy
//! Gateway accept; the policy service as a static program, its hash and an image that runs it; what both
//! were built from; the page of the playground; and the files of `deploy/`.
//!
//! Equal sources and tools give equal bytes: nothing here reads a clock or tells where it was built.

mod archive;
mod bill;
mod image;
mod service;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::wasm::sha256_of;
use crate::{Result, playground, say, wasm, workspace};
use bill::Product;
use image::Image;

/// Options of `dist`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Builds only the module, and leaves the policy service out
    #[arg(long)]
    module_only: bool,
}

/// The files of a distribution, by their paths within it.
type Files = Vec<(PathBuf, Vec<u8>)>;

/// Builds both and writes everything.
pub(crate) fn run(arguments: &Arguments) -> Result {
    wasm::build_modules()?;
    let module = read(&workspace::wasm_directory().join("velum.wasm"))?;
    let service = (!arguments.module_only).then(service::build).transpose()?;
    let lock = workspace::root().join("Cargo.lock");
    let lock = fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let metadata = workspace::metadata()?;

    let product = Product {
        package: "velum-filter",
        target: wasm::TARGET,
        file: "velum.wasm",
        bytes: &module,
    };
    let bill = bill::of(&product, &metadata, &lock)?;
    let mut files = of_product(&product, &bill, &image::of(&module), "image")?;
    if let Some(service) = &service {
        let product = Product {
            package: service::PROGRAM,
            target: &service.target,
            file: service::PROGRAM,
            bytes: &service.program,
        };
        let bill = bill::of(&product, &metadata, &lock)?;
        let architecture = service.target.split('-').next().unwrap_or_default();
        let image = image::of_service(service::PROGRAM, &service.program, architecture);
        files.extend(of_product(&product, &bill, &image, "service-image")?);
        let page = playground::page()?.into_iter();
        files.extend(page.map(|(path, bytes)| (Path::new("playground").join(path), bytes)));
        for file in workspace::files()? {
            if file.starts_with("deploy") {
                files.push((file.clone(), read(&workspace::root().join(&file))?));
            }
        }
    }
    write(&workspace::root().join("target/dist"), files)
}

/// A product's file, its hash, its bill and its image.
fn of_product(product: &Product<'_>, bill: &Value, image: &Image, folder: &str) -> Result<Files> {
    let Product { file, bytes, .. } = product;
    let hash = sha256_of(bytes);
    say::result(&format!(
        "target/dist/{file}: {} bytes, sha256 {hash}",
        bytes.len()
    ));
    say::result(&format!(
        "target/dist/{folder}: digest sha256:{}",
        image.digest()
    ));
    say::result(&format!(
        "its bill of materials: {} components",
        bill["components"].as_array().map_or(0, Vec::len)
    ));
    let bill = serde_json::to_string_pretty(bill).map_err(|error| error.to_string())? + "\n";
    let mut files = vec![
        (PathBuf::from(file), bytes.to_vec()),
        (
            PathBuf::from(format!("{file}.sha256")),
            format!("{hash}  {file}\n").into_bytes(),
        ),
        (
            Path::new(file).with_extension("cdx.json"),
            bill.into_bytes(),
        ),
    ];
    let of_image = image.files().into_iter();
    files.extend(of_image.map(|(path, bytes)| (Path::new(folder).join(path), bytes)));
    Ok(files)
}

/// Replaces the folder.
fn write(folder: &Path, files: Files) -> Result {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    for (path, bytes) in files {
        let is_program = path == Path::new(service::PROGRAM);
        let path = folder.join(path);
        let failed = |error| format!("{}: {error}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
        fs::write(&path, bytes).map_err(failed)?;
        if is_program {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&path, mode).map_err(failed)?;
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}
