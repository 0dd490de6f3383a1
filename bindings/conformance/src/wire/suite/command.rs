//! The command line of the suite.

use std::io::{ErrorKind, IsTerminal, Write};

use super::{Options, Report, report};

/// What can be said to it.
const USAGE: &str = "\
usage: pinfold-conformance HOST:PORT [options]
       pinfold-conformance --list

Scores a server that speaks ZooKeeper's protocol. Nobody else should use it meanwhile.

  --only WORD        only this item, or checks whose title contains this; repeatable
  --super USER:PW    digest credentials of the server's superuser
  --quotas           the server enforces quotas (enforceQuota=true)
  --collection       wait for the collection of containers and old nodes, up to two minutes
  --json             the result as JSON
  --list             what is checked
  --help             this

Exit code: 0 when nothing failed, 1 when something did, 2 when it could not be found out.";

#[derive(Default)]
struct Wanted {
    address: Option<String>,
    only: Vec<String>,
    options: Options,
    is_json: bool,
    is_list: bool,
    is_help: bool,
}

/// Runs the suite as the arguments say and prints what came of it; whether nothing failed.
///
/// # Errors
/// The arguments make no sense, or the server cannot be reached.
pub fn command(arguments: impl Iterator<Item = String>) -> Result<bool, String> {
    let wanted = parse(arguments)?;
    if wanted.is_help || wanted.is_list {
        let list = || report::list(|check| check.is_meant(&wanted.only));
        let text = if wanted.is_help { format!("{USAGE}\n") } else { list() };
        print(&text)?;
        return Ok(true);
    }
    let address = wanted.address.as_deref().ok_or(USAGE)?;
    let report = super::run(address, &wanted.options, |check| check.is_meant(&wanted.only))?;
    show(&report, address, wanted.is_json)?;
    Ok(report.failed().next().is_none())
}

/// Prints a report to standard output: as JSON, or for people, with colours on a terminal.
///
/// # Errors
/// It cannot be written there. That nobody reads on is no error.
pub fn show(report: &Report, address: &str, is_json: bool) -> Result<(), String> {
    match is_json {
        true => print(&format!("{:#}\n", report.json(address))),
        false => print(&report.text(std::io::stdout().is_terminal())),
    }
}

fn print(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value\n{USAGE}"));
        match argument.as_str() {
            "--only" => wanted.only.push(value()?),
            "--super" => wanted.options.superuser = Some(value()?),
            "--quotas" => wanted.options.enforces_quotas = true,
            "--collection" => wanted.options.waits_for_collection = true,
            "--json" => wanted.is_json = true,
            "--list" => wanted.is_list = true,
            "--help" | "-h" => wanted.is_help = true,
            other if other.starts_with('-') => return Err(USAGE.into()),
            _ => wanted.address = Some(argument),
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn words(line: &str) -> impl Iterator<Item = String> + '_ {
        line.split(' ').map(str::to_owned)
    }

    #[test]
    fn arguments_are_understood_or_refused() {
        let wanted = parse(words("a:1 --only 15 --super u:p --json")).ok();
        let wanted = wanted.map(|w| (w.address, w.only, w.options.superuser, w.is_json));
        let expected = (Some("a:1".into()), vec!["15".into()], Some("u:p".into()), true);
        assert_eq!(wanted, Some(expected));
        assert!(parse(words("a:1 --only")).is_err());
        assert!(parse(words("a:1 --oops")).is_err());
    }
}
