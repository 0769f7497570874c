//! Seals a stream to recipients, and opens it again with one of their identities.
//!
//! The format is age's (age-encryption.org/v1), so that `age -d` opens it: X25519 keys and OpenSSH keys are age's own kinds of
//! recipient; AWS KMS keys are a kind of ours, beside which stock tools open the same file with any other recipient's
//! identity. This module owns recipients, identities and their errors. It does not own what is sealed
//! ([`document`](crate::document)). Sealing hides; it does not prove who wrote: that is [`signature`](crate::signature)'s.

mod identity;
mod kms;
mod open;
mod recipient;
mod sealer;

pub use identity::{Identities, IdentityError};
pub use open::{OpenError, OpenedReader};
pub use recipient::{Recipient, RecipientError};
pub use sealer::{SealError, SealedWriter, Sealer};
