//! `cargo x examples`: every story in every language prints what it has to.

use crate::clients::difference;
use crate::fault::Doing;
use crate::languages::{self, LANGUAGES, Program};
use crate::{Fallible, Fault, step, workspace};
use std::fs;
use std::process::Command;

/// Run every story of examples/ in every language and compare with its expected.txt
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only stories whose name contains this
    story: Option<String>,
    /// Only these languages
    #[arg(long, value_delimiter = ',')]
    languages: Vec<String>,
}

pub(crate) fn run(args: Args) -> Fallible {
    let mut stories = stories()?;
    if let Some(part) = &args.story {
        stories.retain(|story| story.contains(part.as_str()));
    }
    let mut failed = Vec::new();
    for language in LANGUAGES {
        if !args.languages.is_empty() && !args.languages.iter().any(|wanted| wanted == language) {
            continue;
        }
        eprintln!("the examples in {language}");
        for story in &stories {
            let outcome = languages::example(language, story).and_then(|one| tell(&one, story));
            match outcome {
                Ok(()) => {
                    println!("{story} in {language}: ok");
                    step::count(1, 0);
                }
                Err(fault) => {
                    println!("{story} in {language}: FAILED");
                    step::count(0, 1);
                    failed.push(format!("{story} in {language}: {fault}"));
                }
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Fault::new(failed.join("\n"))) }
}

fn stories() -> Fallible<Vec<String>> {
    let folder = workspace::root().join("examples");
    let entries = fs::read_dir(&folder).doing(folder.display())?;
    let mut stories: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("expected.txt").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    stories.sort();
    Ok(stories)
}

fn tell(program: &Program, story: &str) -> Fallible {
    let mut command = Command::new(&program.command[0]);
    let printed = step::output(command.args(&program.command[1..]))?;
    let file = workspace::root().join("examples").join(story).join("expected.txt");
    let wanted = fs::read_to_string(&file).doing(file.display())?;
    difference(&wanted, &printed).map_or(Ok(()), |text| Err(Fault::new(text)))
}
