//! An operation on its way through an engine.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{Eventually, Operation, StoreError, Transaction};

/// An operation whose types are forgotten, with what it came to.
pub(super) trait Job: Send {
    /// Runs the operation, once more if need be, and tells whether what it applied is to be kept.
    fn run<'r>(&'r mut self, transaction: &'r mut Transaction) -> Eventually<'r, bool>;
    /// Whether it may be run again after a commit that may have taken place.
    fn is_repeatable(&self) -> bool;
    /// How long it may take where others write too.
    fn patience(&self) -> Duration;
    /// Replaces what it came to.
    fn fail(&mut self, error: StoreError);
    /// Replaces it unless it is an error of its own.
    fn fail_unless_failed(&mut self, error: StoreError);
    /// Tells its caller, who may have left: what was committed stays.
    fn answer(self: Box<Self>);
}

/// A job with somebody who waits for it.
pub(super) struct Task<O: Operation> {
    operation: O,
    result: Result<O::Output, O::Error>,
    reply: oneshot::Sender<Result<O::Output, O::Error>>,
}

/// Where the result of a [`Task`] arrives.
pub(super) type Answer<O> =
    oneshot::Receiver<Result<<O as Operation>::Output, <O as Operation>::Error>>;

impl<O: Operation> Task<O> {
    /// The job, and where its answer comes.
    pub(super) fn of(operation: O) -> (Box<dyn Job>, Answer<O>) {
        let (reply, answer) = oneshot::channel();
        let task = Task {
            operation,
            result: Err(StoreError::Stopped.into()),
            reply,
        };
        (Box::new(task), answer)
    }
}

impl<O: Operation> Job for Task<O> {
    fn run<'r>(&'r mut self, transaction: &'r mut Transaction) -> Eventually<'r, bool> {
        Box::pin(async move {
            self.result = self.operation.run(transaction).await;
            self.result.is_ok()
        })
    }

    fn is_repeatable(&self) -> bool {
        O::IS_REPEATABLE
    }

    fn patience(&self) -> Duration {
        O::PATIENCE
    }

    fn fail(&mut self, error: StoreError) {
        self.result = Err(error.into());
    }

    fn fail_unless_failed(&mut self, error: StoreError) {
        if self.result.is_ok() {
            self.fail(error);
        }
    }

    fn answer(self: Box<Self>) {
        let Task { result, reply, .. } = *self;
        let _ = reply.send(result);
    }
}
