//! How ElastiCache refuses a parameter. What parameters there are, every program must know that sets one.

use palisade_aws::types::{ParameterProblem, parameter_problem};

use crate::refusal::{Answer, refuse, require};

/// Refuses a parameter that a group of `family` cannot be set to.
pub(crate) fn check(family: &str, name: &str, value: &str) -> Answer<()> {
    let message = match parameter_problem(family, name, value) {
        None => return Ok(()),
        Some(ParameterProblem::Unknown) => format!("Invalid parameter name: {name} is not a parameter of {family}."),
        Some(ParameterProblem::Fixed) => format!("The parameter {name} cannot be modified."),
        Some(ParameterProblem::Value(_)) => {
            format!("The parameter {name} has the value {value}, which is not in the range of its allowed values.")
        }
    };
    refuse("InvalidParameterValue", message)
}

/// Refuses a parameter that cannot be set back in a group of `family`.
pub(crate) fn check_reset(family: &str, name: &str) -> Answer<()> {
    // AWS refuses it; one sets `reserved-memory-percent` instead.
    require(name != "reserved-memory", "InvalidParameterValue", || {
        "The parameter reserved-memory cannot be reset.".to_owned()
    })?;
    // Whatever its value is: what is set back has none.
    match parameter_problem(family, name, "") {
        Some(ParameterProblem::Unknown | ParameterProblem::Fixed) => check(family, name, ""),
        Some(ParameterProblem::Value(_)) | None => Ok(()),
    }
}
