//! What came of each image so far. It outlives the run that writes it.

use std::cell::RefCell;

use crate::execute::report::{ImageReport, Outcome, Report};
use crate::plan::step::Plan;
use crate::words::code::Code;
use crate::words::failure::FailureClass;

/// One entry an image of the plan, in its order.
#[derive(Debug)]
pub(crate) struct Ledger(RefCell<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    report: ImageReport,
    begun: bool,
    ended: bool,
}

impl Ledger {
    /// Everything as planned, nothing begun.
    pub(crate) fn new(plan: &Plan) -> Self {
        let entry = |image| {
            let report = ImageReport::planned(image);
            let ended = report.outcome == Outcome::Unchanged;
            Entry { report, begun: false, ended }
        };
        Self(RefCell::new(plan.images.iter().map(entry).collect()))
    }

    /// Work on an image has begun: if nothing more is heard, it was cancelled.
    pub(crate) fn begin(&self, index: usize) {
        if let Some(entry) = self.0.borrow_mut().get_mut(index) {
            entry.begun = true;
        }
    }

    /// An image ended.
    pub(crate) fn set(&self, index: usize, report: ImageReport) {
        if let Some(entry) = self.0.borrow_mut().get_mut(index) {
            *entry = Entry { report, begun: true, ended: true };
        }
    }

    /// The report. What did not end was cancelled, or skipped if it had not begun.
    pub(crate) fn report(self) -> Report {
        let images = self.0.into_inner().into_iter().map(|entry| {
            let mut report = entry.report;
            if !entry.ended {
                report.outcome = if entry.begun { Outcome::Cancelled } else { Outcome::Skipped };
                // Nothing is wrong with it: what ended the run says more than this.
                report.exit = FailureClass::exit(&[FailureClass::Cancelled]);
                report.code = Some(Code::Cancelled);
            }
            report
        });
        Report { images: images.collect() }
    }
}
