//! Who waits for whom: a build begins when the images that it is built on are done.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::SetOnce;

use crate::plan::step::Plan;

/// A gate an image, which opens when it has ended.
#[derive(Debug, Default)]
pub(super) struct Gates(RefCell<BTreeMap<String, Rc<SetOnce<bool>>>>);

impl Gates {
    /// Closes the gates of all images that have something to do.
    pub(super) fn close(&self, plan: &Plan) {
        let due = plan.images.iter().filter(|image| !image.is_unchanged());
        *self.0.borrow_mut() = due.map(|image| (image.id.clone(), Rc::default())).collect();
    }

    /// An image has ended, well or not.
    pub(super) fn open(&self, id: &str, is_well: bool) {
        if let Some(gate) = self.0.borrow().get(id) {
            // It opens once.
            let _ = gate.set(is_well);
        }
    }

    /// Waits for these images; the error is the first that has not ended well.
    pub(super) async fn pass<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<(), &'a str> {
        for id in ids {
            let gate = self.0.borrow().get(id).cloned();
            if let Some(gate) = gate
                && !*gate.wait().await
            {
                return Err(id);
            }
        }
        Ok(())
    }
}
