//! Servers on a thread of their own.

use std::future::Future;
use std::thread::{self, JoinHandle};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Result;
use crate::failure::During;

/// A server beside a test, which goes on while the test's own thread waits: a browser that ends, say, waits there for
/// a page that comes through this. It ends when this is dropped, and all that it has begun with it.
#[derive(Debug)]
pub(crate) struct Aside {
    /// Dropped, it tells the server to end.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Aside {
    /// Serves what comes in here.
    pub(crate) fn serve<S, F>(listener: std::net::TcpListener, server: S) -> Result<Self>
    where
        S: FnOnce(TcpListener) -> F + Send + 'static,
        F: Future<Output = ()>,
    {
        listener.set_nonblocking(true).during("a server's port")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .during("a server's thread")?;
        let (end, ended) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else {
                    return;
                };
                tokio::select! {
                    () = server(listener) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn it_answers_while_the_thread_that_began_it_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::<str>::from("here");
        let held = Arc::clone(&served);
        let aside = Aside::serve(listener, async move |listener| {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _ = socket.write_all(held.as_bytes()).await;
            }
        });
        let aside = aside.unwrap();
        let mut said = String::new();
        let mut caller = TcpStream::connect(address).unwrap();
        caller.write_all(b"?").unwrap();
        caller.read_to_string(&mut said).unwrap_or_default();
        assert_eq!(said, "here");
        drop(aside);
        assert_eq!(Arc::strong_count(&served), 1, "it goes on");
    }
}
