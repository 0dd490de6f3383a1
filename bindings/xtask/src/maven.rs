//! Jars of Maven Central, in the cache.

use crate::fault::Doing;
use crate::{Fallible, Fault, cache, step};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Group, artifact, version.
pub(crate) type Jar = (&'static str, &'static str, &'static str);

/// Why nothing of Java can be had on this machine, if it cannot.
pub(crate) fn missing() -> Option<String> {
    let missing: Vec<&str> =
        ["java", "mvn"].into_iter().filter(|program| !step::available(program)).collect();
    (!missing.is_empty()).then(|| format!("{} not on the PATH", missing.join(" and ")))
}

/// The folder with these jars and what they need, fetched at the first use.
pub(crate) fn jars(name: &str, jars: &[Jar]) -> Fallible<PathBuf> {
    if let Some(why) = missing() {
        return Err(Fault::new(why));
    }
    let pom = pom(jars);
    let folder = cache::filled(name, &pom, |folder| {
        eprintln!("fetching {name} and what it needs from Maven Central");
        fetch(folder, &pom)
    })?;
    Ok(folder.join("lib"))
}

/// The folder with what these sources compile to.
pub(crate) fn compiled(name: &str, sources: &[PathBuf], jars: &Path) -> Fallible<PathBuf> {
    if !step::available("javac") {
        return Err(Fault::new("javac is not on the PATH"));
    }
    let mut content = String::new();
    for source in sources {
        content.push_str(&fs::read_to_string(source).doing(source.display())?);
    }
    let jars = format!("{}/*", jars.display());
    let folder = cache::filled(name, &content, |folder| {
        let mut compiler = Command::new("javac");
        compiler.args(["-Xlint:all,-processing,-classfile", "-Werror", "-encoding", "UTF-8"]);
        compiler.args(["-cp", &jars, "-d"]).arg(folder.join("classes")).args(sources);
        step::output(&mut compiler).map(drop)
    })?;
    Ok(folder.join("classes"))
}

fn fetch(folder: &Path, pom: &str) -> Fallible {
    fs::write(folder.join("pom.xml"), pom).doing("writing pom.xml")?;
    let mut maven = Command::new("mvn");
    maven.current_dir(folder).args(["-q", "-B", "dependency:copy-dependencies"]);
    maven.args(["-DoutputDirectory=lib", "-DincludeScope=runtime"]);
    step::output(&mut maven).map(drop)
}

fn pom(jars: &[Jar]) -> String {
    let mut dependencies = String::new();
    for (group, artifact, version) in jars {
        // Its own logging back end would print into what is being compared; slf4j-nop is silent.
        let exclusion = if *artifact == "zookeeper" {
            "<exclusions><exclusion><groupId>ch.qos.logback</groupId><artifactId>*</artifactId>\
             </exclusion></exclusions>"
        } else {
            ""
        };
        dependencies.push_str(&format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version>{exclusion}</dependency>\n"
        ));
    }
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
         <modelVersion>4.0.0</modelVersion>\n\
         <groupId>pinfold</groupId><artifactId>oracle</artifactId><version>1</version>\n\
         <dependencies>\n{dependencies}</dependencies>\n</project>\n"
    )
}
