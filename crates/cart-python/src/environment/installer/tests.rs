use super::*;

const SHELL: Words = Words { noise: &["#"], errors: &["ERROR"] };

fn install(scripts: &[&str]) -> (Result<(), String>, String) {
    let mut told = Vec::new();
    let env = GearEnv::new();
    let commands = scripts.iter().map(|s| CommandSpec::new("/bin/sh", &env).args(["-c", s]));
    let mut progress = |line: &str| told.push(line.to_owned());
    let outcome = SHELL.install("it", commands.collect(), |_| Failure::Other, &mut progress);
    (outcome.map_err(|error| error.to_string()), told.join(" "))
}

#[test]
fn lines_are_told_up_to_the_first_word_of_error_which_begins_the_error() {
    let (outcome, told) =
        install(&["echo one; echo '#'; echo; echo ' ERROR: no'; echo two; exit 1"]);
    let error = outcome.unwrap_err();
    assert_eq!(error, "it could not be installed: the last lines say why\n ERROR: no\ntwo");
    assert_eq!(told, "one");
    assert_eq!(install(&["echo ERROR: not really; echo done"]).1, "ERROR: not really done");
    let (outcome, _) = install(&["echo ERROR: no; seq 50; exit 1"]);
    assert_eq!(outcome.unwrap_err().lines().count(), 1 + RunError::LINES);
}

#[test]
fn a_second_way_is_tried_when_the_first_fails_and_only_then() {
    assert_eq!(install(&["echo first; exit 1", "echo second"]), (Ok(()), "second".to_owned()));
    assert_eq!(install(&["true", "exit 1"]).0, Ok(()));
    assert!(install(&["exit 1", "exit 1"]).0.is_err());
}
