//! Checks of object storage elsewhere.

use super::Found;
use crate::kind::azure_container::{AzureContainer, PublicAccess};
use crate::kind::gcs_bucket::{Access, GcsBucket};

pub(super) fn check_gcs(bucket: &GcsBucket) -> Found {
    let mut found = Found::new();
    if bucket.access != Access::default() {
        found.push(("GS-PUBLIC-ACCESS", "`access` lets others in than IAM does, or may".to_owned()));
    }
    if !bucket.versioning {
        found.push(("GS-VERSIONING", "it keeps no older generations".to_owned()));
    }
    found
}

pub(super) fn check_azure(container: &AzureContainer) -> Found {
    match container.public_access {
        PublicAccess::None => Found::new(),
        _ => vec![("AZ-PUBLIC-ACCESS", "`public_access` lets everybody read".to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_check_finds_what_it_is_for() {
        let of_bucket = |access, versioning| {
            let bucket =
                json!({"project": "p", "name": "b", "location": "EU", "access": access, "versioning": versioning});
            check_gcs(&serde_json::from_value(bucket).unwrap()).into_iter().map(|(check, _)| check).collect::<Vec<_>>()
        };
        assert_eq!(of_bucket(json!({}), true), Vec::<&str>::new());
        assert_eq!(of_bucket(json!({"uniform": false}), true), ["GS-PUBLIC-ACCESS"]);
        assert_eq!(of_bucket(json!({"prevent_public": false}), false), ["GS-PUBLIC-ACCESS", "GS-VERSIONING"]);
        let of_container = |access: &str| {
            check_azure(&serde_json::from_value(json!({"account": "a", "name": "c", "public_access": access})).unwrap())
                .len()
        };
        assert_eq!((of_container("none"), of_container("blob"), of_container("container")), (0, 1, 1));
    }
}
