//! Who may import whom, from cargo's own view of the workspace.

use crate::fault::Doing;
use crate::{Fallible, workspace};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// Each crate with the crates of ours that it may depend on. Development dependencies are free,
/// except that nothing depends on a developer tool.
const ALLOWED: &[(&str, &[&str])] = &[
    ("pinfold-proto", &[]),
    ("pinfold-storage", &[]),
    ("pinfold-state", &["pinfold-proto"]),
    ("pinfold-replication", &["pinfold-storage"]),
    ("pinfold-client", &["pinfold-proto"]),
    ("pinfold-recipes", &["pinfold-client"]),
    (
        "pinfold-server",
        &[
            "pinfold-proto",
            "pinfold-state",
            "pinfold-storage",
            "pinfold-replication",
            // The program's commands alone, behind a feature that no library turns on.
            "pinfold-client",
            "pinfold-recipes",
        ],
    ),
    ("pinfold-glue", &["pinfold-client", "pinfold-recipes", "pinfold-server"]),
    ("pinfold-c", &["pinfold-glue"]),
    ("pinfold-python", &["pinfold-glue"]),
    ("pinfold-node", &["pinfold-glue"]),
    ("pinfold-uniffi", &["pinfold-glue"]),
];

/// Tools: they may use everything, and nothing of the product may use them.
const TOOLS: &[&str] = &["pinfold-sim", "pinfold-conformance", "xtask", "pinfold-examples"];

pub(super) fn breaches() -> Fallible<Vec<String>> {
    let manifest = workspace::root().join("Cargo.toml");
    let mut query = MetadataCommand::new();
    let metadata = query.manifest_path(&manifest).no_deps().exec().doing("cargo metadata")?;
    let ours: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut breaches = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        if TOOLS.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            breaches.push(format!("{name}: a crate that the import rules do not know"));
            continue;
        };
        for dependency in &package.dependencies {
            let target = dependency.name.as_str();
            let internal = ours.contains(&target);
            let allowed = allowed.contains(&target)
                || (dependency.kind == DependencyKind::Development && target != "xtask");
            if internal && !allowed {
                breaches.push(format!("{name} must not depend on {target}"));
            }
        }
    }
    Ok(breaches)
}
