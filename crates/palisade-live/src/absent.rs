//! [`Absent`]: the client of a service whose SDK is not compiled.

use std::sync::Arc;

use palisade_aws::operations::Operation;
use palisade_core::provider::{ErrorKind, ProviderError, Turn};

/// A client that answers every call with what to add to the program's features.
///
/// It stands where the service's feature is off, so that every combination of features answers every call.
#[derive(Debug)]
pub(crate) struct Absent;

impl Absent {
    /// Itself, as it sends nothing in any turn.
    pub(crate) fn in_turn(&self, _: &Arc<dyn Turn>) -> &Self {
        self
    }

    /// Says which feature the operation takes. The features are called as the services are in permissions.
    pub(crate) async fn answer<O: Operation>(&self, _: O) -> Result<O::Output, ProviderError> {
        let feature = O::SERVICE.as_str();
        Err(ProviderError {
            kind: ErrorKind::Invalid,
            operation: O::ACTION.to_owned(),
            code: String::new(),
            message: format!(
                "this program was compiled without the feature `{feature}`, with which it calls `{feature}`"
            ),
            help: format!(
                "add it to the program's Cargo.toml: `palisade = {{ features = [\"live\", \"{feature}\"] }}`"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use palisade_aws::operations::ListKeys;
    use palisade_core::provider::Unlimited;

    use super::*;

    #[tokio::test]
    async fn a_call_says_which_feature_it_takes() {
        let turn: Arc<dyn Turn> = Arc::new(Unlimited);
        let error = Absent.in_turn(&turn).answer(ListKeys {}).await.unwrap_err();
        assert_eq!((error.kind, error.operation.as_str()), (ErrorKind::Invalid, "ListKeys"));
        assert_eq!(error.help, "add it to the program's Cargo.toml: `palisade = { features = [\"live\", \"kms\"] }`");
    }
}
