//! README's commands run as written.

use std::process::Command;

use velum_harness::locations;

/// The commands in README's `sh` blocks, one a line; `#` begins a comment.
fn commands() -> Vec<String> {
    let readme =
        std::fs::read_to_string(locations::project().join("README.md")).expect("README.md");
    let mut inside = false;
    let mut commands = Vec::new();
    for line in readme.lines() {
        if let Some(language) = line.strip_prefix("```") {
            inside = !inside && language == "sh";
        } else if inside && !line.trim_start().starts_with('#') && !line.trim().is_empty() {
            commands.push(line.trim().to_owned());
        }
    }
    commands
}

#[test]
fn velum_commands_run_as_written() {
    let bin = locations::program("velum").expect("the built velum");
    let path = format!(
        "{}:{}",
        bin.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut run = 0;
    for command in commands() {
        let is_ours = command.starts_with("velum mask")
            || command.starts_with("velum policy")
            || command.contains("| velum mask");
        if !is_ours {
            continue;
        }
        let status = Command::new("sh")
            .args(["-ec", &command])
            .current_dir(locations::project())
            .env("PATH", &path)
            .output()
            .expect("sh");
        assert!(
            status.status.success(),
            "{command}: {}",
            String::from_utf8_lossy(&status.stderr)
        );
        run += 1;
    }
    assert!(
        run >= 2,
        "README shows how to mask and how to check a policy"
    );
}

/// What `cargo xtask demo --once` runs when everything is built.
#[test]
fn the_demo_tells_its_story_and_finds_every_answer_right() {
    let demo = locations::program("velum-demo").expect("the built demo");
    let told = Command::new(demo).arg("--once").output().expect("the demo");
    let story = String::from_utf8_lossy(&told.stdout);
    let why = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{story}\n{why}");
    assert!(story.contains("[masked:name]"), "{story}");
}

#[test]
fn xtask_commands_exist() {
    let known =
        std::fs::read_to_string(locations::project().join("xtask/src/main.rs")).expect("xtask");
    for command in commands()
        .iter()
        .filter_map(|command| command.strip_prefix("cargo xtask "))
    {
        let name = command.split(' ').next().unwrap_or_default();
        let variant: String = name
            .split('-')
            .map(|word| {
                let (first, rest) = word.split_at(1);
                first.to_uppercase() + rest
            })
            .collect();
        let is_there = known.lines().any(|line| {
            let line = line.trim().trim_end_matches(',');
            line == variant || line.starts_with(&format!("{variant}("))
        });
        assert!(is_there, "cargo xtask {name}");
    }
}
