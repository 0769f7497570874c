//! Terraform with the provider for AWS, talking to moto. It owns where the two are found and how they are told to stay on the machine;
//! what is applied is the caller's.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::Moto;
use crate::tool::found;

/// Names the folder of a mirror of Terraform's providers.
const PLUGINS: &str = "PARADOS_TERRAFORM_PLUGINS";
/// Where such a mirror is looked for else.
const PLACES: [&str; 3] = ["/opt/tf-plugins", "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"];
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";

/// A folder with a configuration for Terraform, and the way to run it there.
#[derive(Debug)]
pub struct Terraform {
    /// The program.
    pub program: PathBuf,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Terraform {
    /// Terraform in `folder`, with `configuration` in its JSON syntax, its provider pointed at `moto`. None where it or its provider is
    /// not on the machine, and then it is said that a test leaves itself out.
    ///
    /// # Panics
    /// When the files cannot be written.
    pub fn find(moto: &Moto, folder: &Path, configuration: &str) -> Option<Terraform> {
        let Some(program) = found("terraform") else {
            eprintln!("left out: `terraform` is not on PATH");
            return None;
        };
        let places = env::var_os(PLUGINS).map(PathBuf::from).into_iter().chain(PLACES.map(PathBuf::from));
        let Some(plugins) = places.into_iter().find(|place| place.join(PROVIDER).is_dir()) else {
            eprintln!("left out: no mirror of Terraform's providers with {PROVIDER}; {PLUGINS} names one");
            return None;
        };
        let write =
            |name: &str, text: &str| fs::write(folder.join(name), text).expect("the caller's folder can be written");
        write("main.tf.json", configuration);
        // An override adds to the providers that the configuration has.
        write("override.tf.json", r#"{"provider":{"aws":[{"region":"eu-west-1","s3_use_path_style":true}]}}"#);
        let mirror = format!("provider_installation {{\n  filesystem_mirror {{\n    path = {plugins:?}\n  }}\n}}\n");
        write("terraformrc", &mirror);
        let text = |name: &str| folder.join(name).display().to_string();
        let mut environment = moto.env();
        environment.extend([
            ("HOME", text("")),
            ("TF_CLI_CONFIG_FILE", text("terraformrc")),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
        ]);
        Some(Terraform { program, folder: folder.to_owned(), environment })
    }

    /// The environment of a run, beside `PATH`.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        self.environment.clone()
    }

    /// Runs it with `arguments`, separated by spaces, and gives what it printed.
    ///
    /// # Panics
    /// When it does not end with 0.
    pub fn run(&self, arguments: &str) -> String {
        let mut command = Command::new(&self.program);
        command.args(arguments.split_whitespace()).current_dir(&self.folder).env_clear().envs(self.env());
        command.env("PATH", env::var_os("PATH").unwrap_or_default());
        let Output { status, stdout, stderr } =
            command.output().unwrap_or_else(|error| panic!("cannot start Terraform: {error}"));
        let (out, error) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "terraform {arguments}: {out}{error}");
        out.into_owned()
    }
}
