//! Every committed input, through its target: what was found once must not come back.

use std::fs;
use std::path::Path;

#[test]
fn every_committed_input_is_survived() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut inputs = 0;
    for (name, run) in pinfold_fuzz::TARGETS {
        let folder = seeds.join(name);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a file").path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no inputs");
        for file in files {
            println!("{}", file.display());
            run(&fs::read(&file).expect("a readable file"));
            inputs += 1;
        }
    }
    pinfold_fuzz::session::end();
    println!("{inputs} inputs");
}
