//! Objects in Azure's Blob Storage, which Azurite plays.

use testkit::Azurite;

use crate::cloud::keeps_objects;

#[tokio::test(flavor = "multi_thread")]
async fn objects_in_azure_are_written_once_and_whole() {
    let azure = Azurite::start();
    azure.make_container("backups");
    keeps_objects("az://backups", azure.env()).await;
    keeps_objects("az://backups/a/prefix", azure.env()).await;
}
