//! Something of a test's own that is called over TLS.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use axum::Router;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use velum_harness::Authority;

use crate::config::TlsFiles;
use crate::server::{Bounds, Listener};
use crate::tls::{Asks, Tls};

/// A server that is called `localhost`; it ends with the test.
pub(crate) struct BehindTls {
    pub(crate) url: String,
    folder: TempDir,
    _tls: Tls,
    _close: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

impl BehindTls {
    /// One whose certificate this authority has signed; what it serves may know its URL.
    pub(crate) async fn start(
        authority: &Authority,
        router: impl FnOnce(&str) -> Router,
    ) -> BehindTls {
        let folder = tempfile::tempdir().unwrap();
        let certificate = authority.server().unwrap();
        let files = TlsFiles {
            certificate: write(folder.path(), "service.pem", &certificate.certificate),
            key: write(folder.path(), "service.key", &certificate.key),
            client_ca: None,
        };
        let mut tls = Tls::open(files).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", tcp.local_addr().unwrap().port());
        let listener = Listener {
            tcp,
            router: router(&url),
            tls: Some(tls.listener(Asks::Nobody).unwrap()),
            bounds: Bounds::default(),
        };
        let (close, closing) = watch::channel(false);
        let mut serving = JoinSet::new();
        serving.spawn(crate::server::run(listener, closing));
        BehindTls {
            url,
            folder,
            _tls: tls,
            _close: close,
            _serving: serving,
        }
    }

    /// The line of a configuration that has this authority believed, which is in a file of this name.
    pub(crate) fn ca(&self, name: &str, authority: &Authority) -> String {
        format!("ca = {:?}\n", self.file(name, &authority.certificate()))
    }

    /// A file that its owner alone can read.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        write(self.folder.path(), name, text)
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}
