//! Host calls that fail when they are told to.

/// Which host calls do nothing and give a status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// None.
    #[default]
    None,
    /// The call with this number, counted from 0.
    At {
        /// Which call.
        call: usize,
        /// What it gives.
        status: u32,
    },
    /// That call and all behind it.
    From {
        /// Which call is the first.
        call: usize,
        /// What they give.
        status: u32,
    },
    /// Every call of one function.
    Of {
        /// The function's name.
        function: &'static str,
        /// What it gives.
        status: u32,
    },
}

/// The calls so far, and what is to fail.
#[derive(Default)]
pub(super) struct Faults {
    fault: Fault,
    /// The functions that were called, in order.
    pub(super) called: Vec<&'static str>,
}

impl Faults {
    pub(super) fn set(&mut self, fault: Fault) {
        self.fault = fault;
        self.called.clear();
    }

    /// Counts a call; the status that it has to give, if it has to fail.
    pub(super) fn meet(&mut self, function: &'static str) -> Option<u32> {
        let number = self.called.len();
        self.called.push(function);
        match self.fault {
            Fault::At { call, status } if call == number => Some(status),
            Fault::From { call, status } if number >= call => Some(status),
            Fault::Of {
                function: named,
                status,
            } if named == function => Some(status),
            _ => None,
        }
    }
}
