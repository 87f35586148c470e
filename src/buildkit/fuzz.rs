//! A builder's reports as the fuzzer makes them up.

use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use prost::Message as _;

use super::status::Steps;
use crate::engine::BuildProgress;
use crate::words::event::StepState;

/// Takes reports, each behind a byte that is its length: a step is never told again after its
/// end, and no step that runs is without one.
pub(crate) fn reports(bytes: &[u8]) {
    let (mut steps, mut out, mut rest) = (Steps::default(), Vec::new(), bytes);
    while let Some((length, after)) = rest.split_first() {
        let (report, next) = after.split_at(usize::from(*length).min(after.len()));
        rest = next;
        if let Ok(report) = StatusResponse::decode(report) {
            steps.take(report, &mut out);
        }
    }
    steps.end(&mut out);
    let mut running = std::collections::BTreeSet::new();
    for progress in out {
        let BuildProgress::Step(step) = progress else { continue };
        match step.state {
            StepState::Running => assert!(running.insert(step.number), "{step:?} began twice"),
            _ => {
                running.remove(&step.number);
            }
        }
    }
}
