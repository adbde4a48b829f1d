//! OCI image layouts of one layer with one file: what `FROM scratch` and `COPY` make. Of a module Istio
//! and Envoy Gateway both take the last layer, and in it the file of exactly the name it has here.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::archive::{gzip, tar};
use crate::wasm::sha256_of;

/// What both look for.
const MODULE: &str = "plugin.wasm";
/// Whom the service runs as, unless it is told otherwise: nobody that the system has.
const USER: &str = "65532:65532";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The blobs of an image; the last is its manifest.
pub(super) struct Image {
    layer: Vec<u8>,
    config: Vec<u8>,
    manifest: Vec<u8>,
}

/// An image with this module.
pub(super) fn of(module: &[u8]) -> Image {
    let archive = tar(MODULE, 0o644, module);
    let platform = json!({"architecture": "wasm", "os": "wasip1", "config": {}});
    with("Velum", &archive, platform)
}

/// An image that runs this program of the policy service, whose configuration is mounted at
/// `/etc/velum/service.toml`. `architecture` is a name of Rust's.
pub(super) fn of_service(name: &str, program: &[u8], architecture: &str) -> Image {
    let archive = tar(name, 0o755, program);
    let platform = json!({
        "architecture": match architecture {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        },
        "os": "linux",
        "config": {
            "User": USER,
            "Entrypoint": [format!("/{name}")],
            "Cmd": ["--config", "/etc/velum/service.toml"],
            "WorkingDir": "/",
            "StopSignal": "SIGTERM",
        },
    });
    with("Velum policy service", &archive, platform)
}

fn with(title: &str, archive: &[u8], mut config: Value) -> Image {
    let layer = gzip(archive);
    config["rootfs"] = json!({
        "type": "layers",
        "diff_ids": [format!("sha256:{}", sha256_of(archive))],
    });
    let config = config.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config),
        "layers": [descriptor(LAYER, &layer)],
        "annotations": {
            "org.opencontainers.image.title": title,
            "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
            "org.opencontainers.image.licenses": "Apache-2.0",
        },
    });
    Image {
        layer,
        config,
        manifest: manifest.to_string().into_bytes(),
    }
}

impl Image {
    /// What an image is pinned by: the SHA-256 of its manifest, in hexadecimal.
    pub(super) fn digest(&self) -> String {
        sha256_of(&self.manifest)
    }

    /// The files of the layout (OCI image layout 1.0.0), by their paths within it.
    pub(super) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut manifest = descriptor(MANIFEST, &self.manifest);
        manifest["annotations"] =
            json!({"org.opencontainers.image.ref.name": env!("CARGO_PKG_VERSION")});
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [manifest],
        });
        let layout = json!({"imageLayoutVersion": "1.0.0"});
        let mut files = vec![
            (PathBuf::from("oci-layout"), layout.to_string().into_bytes()),
            (PathBuf::from("index.json"), index.to_string().into_bytes()),
        ];
        for blob in [&self.layer, &self.config, &self.manifest] {
            let path = PathBuf::from("blobs/sha256").join(sha256_of(blob));
            files.push((path, blob.clone()));
        }
        files
    }
}

fn descriptor(media_type: &str, blob: &[u8]) -> Value {
    json!({
        "mediaType": media_type,
        "digest": format!("sha256:{}", sha256_of(blob)),
        "size": blob.len(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::{MODULE, of, of_service, tar};
    use crate::wasm::sha256_of;

    /// Every blob is named by what it holds, every descriptor is true, and the layer holds the module:
    /// followed from the index, as a registry's client does.
    #[test]
    fn the_layout_leads_from_the_index_to_the_module() {
        let module = b"\0asm\x01\0\0\0 not really".repeat(9_000);
        let image = of(&module);
        let files: BTreeMap<_, _> = image
            .files()
            .into_iter()
            .map(|(path, bytes)| (path.to_str().unwrap().to_owned(), bytes))
            .collect();
        assert_eq!(files.len(), 5);
        assert_eq!(
            files["oci-layout"],
            b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec()
        );
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            let name = digest.strip_prefix("sha256:").unwrap();
            let bytes = files[&format!("blobs/sha256/{name}")].clone();
            assert_eq!(sha256_of(&bytes), name);
            assert_eq!(descriptor["size"], bytes.len());
            bytes
        };
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let index = json(&files["index.json"]);
        let manifest = &index["manifests"][0];
        assert_eq!(manifest["digest"], format!("sha256:{}", image.digest()));
        let manifest = json(&blob(manifest));
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        assert_eq!(
            manifest["layers"][0]["mediaType"],
            "application/vnd.oci.image.layer.v1.tar+gzip"
        );
        let config = json(&blob(&manifest["config"]));
        let archive = tar(MODULE, 0o644, &module);
        assert_eq!(
            config["rootfs"]["diff_ids"][0],
            format!("sha256:{}", sha256_of(&archive))
        );
        assert_eq!(blob(&manifest["layers"][0]), super::gzip(&archive));
    }

    #[test]
    fn the_service_is_started_as_nobody_with_its_configuration() {
        let image = of_service("velum-policy-service", b"\x7fELF", "x86_64");
        let config: Value = serde_json::from_slice(&image.config).unwrap();
        assert_eq!(
            (&config["os"], &config["architecture"]),
            (&"linux".into(), &"amd64".into())
        );
        assert_eq!(config["config"]["Entrypoint"][0], "/velum-policy-service");
        assert_eq!(config["config"]["User"], "65532:65532");
        let archive = tar("velum-policy-service", 0o755, b"\x7fELF");
        assert_eq!(image.layer, super::gzip(&archive));
    }

    #[test]
    fn the_same_module_gives_the_same_bytes() {
        assert_eq!(of(b"a").files(), of(b"a").files());
        assert_ne!(of(b"a").digest(), of(b"b").digest());
    }
}
