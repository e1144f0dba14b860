//! The cartridge's own nginx: built from sources that crates carry, with PCRE2 and zlib inside. A
//! gear has no nginx, and nobody there may install one. For nodes it is linked for the same old
//! glibc as our programs; while developing, by this machine's own compiler, which is there already.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, programs, tree};

use crate::copy::copy;
use crate::made::build;
use crate::made::tools::{Stamp, Zig, plain};
use crate::say::say;
use crate::workspace::Workspace;

/// The crates, the directory of each that counts, and what the Makefile calls it.
const SOURCES: [(&str, &str, &str); 3] = [
    ("nginx-src", "nginx", "nginx"),
    ("pcre2-sys", "upstream", "pcre2"),
    ("libz-sys", "src/zlib", "zlib"),
];

/// Where the words of each licence stand among the sources, and their name in the cartridge.
const LICENCES: [(&str, &str); 4] = [
    ("nginx/LICENSE", "nginx"),
    ("zlib/LICENSE", "zlib"),
    ("pcre2/include/pcre2.h", "pcre2.h"),
    ("pcre2/deps/sljit/sljit_src/sljitLir.h", "sljitLir.h"),
];

/// An nginx for the cartridge.
#[derive(Debug)]
pub(crate) struct OwnNginx {
    place: Utf8PathBuf,
}

/// What compiles it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Compiler<'a> {
    /// For machines like this one.
    System,
    /// For every node.
    Zig(&'a Zig),
}

impl Compiler<'_> {
    /// Where it builds, below the target directory.
    fn place(self) -> &'static str {
        match self {
            Self::System => "tools/nginx-here",
            Self::Zig(_) => "tools/nginx",
        }
    }

    /// What the outcome depends on beside the sources.
    fn identity(self) -> Vec<String> {
        match self {
            Self::System => vec!["cc".to_owned()],
            Self::Zig(_) => vec![Zig::identity(), build::linked_for()],
        }
    }

    /// A shell script that is the C compiler.
    fn script(self) -> String {
        match self {
            Self::System => "#!/bin/sh\nexec cc \"$@\"\n".to_owned(),
            Self::Zig(zig) => zig.compiler(&build::linked_for()),
        }
    }

    /// The archiver, as make's `AR` wants it.
    fn archiver(self) -> String {
        match self {
            Self::System => "ar".to_owned(),
            Self::Zig(zig) => zig.archiver(),
        }
    }

    fn with_cache(self, command: CommandSpec) -> CommandSpec {
        match self {
            Self::System => command,
            Self::Zig(zig) => zig.with_cache(command),
        }
    }
}

impl OwnNginx {
    /// Builds it below `target/tools/`, unless it is there.
    pub(crate) fn prepare(
        workspace: &Workspace,
        compiler: Compiler<'_>,
    ) -> Result<Self, NginxError> {
        let recipe = workspace.root.join("xtask/nginx");
        let place = workspace.target.join(compiler.place());
        let mut from = compiler.identity();
        for name in ["Cargo.lock", "Makefile"] {
            from.push(String::from_utf8_lossy(&files::read(&recipe.join(name))?).into_owned());
        }
        let stamp = Stamp::new(&place, from.join("\n"));
        if !stamp.holds()? {
            say("building nginx, once");
            tree::remove(&place)?;
            gather(workspace, &recipe, &place)?;
            let cc = place.join("cc");
            files::write_atomic(&cc, compiler.script().as_bytes(), 0o755)?;
            make(workspace, compiler, &place)?;
            stamp.set()?;
        }
        Ok(Self { place })
    }

    /// The program.
    pub(crate) fn program(&self) -> Utf8PathBuf {
        self.place.join("nginx/objs/nginx")
    }

    /// The licences of what is in it, as files, with the names that they get.
    pub(crate) fn licences(&self) -> impl Iterator<Item = (Utf8PathBuf, &'static str)> {
        LICENCES.iter().map(|(file, name)| (self.place.join(file), *name))
    }
}

/// Copies the sources to where they are built; cargo has checked them against Cargo.lock.
fn gather(workspace: &Workspace, recipe: &Utf8Path, place: &Utf8Path) -> Result<(), NginxError> {
    files::create_dir(&workspace.target.join("tools"), 0o755)?;
    files::create_dir(place, 0o755)?;
    let crates = sources(workspace, recipe)?;
    for (name, directory, called) in SOURCES {
        let source = crates.get(name).ok_or(NginxError::NoSource { name })?;
        copy(&source.join(directory), &place.join(called))?;
    }
    Ok(copy(&recipe.join("Makefile"), &place.join("Makefile"))?)
}

/// Where cargo has unpacked the crates; it downloads what it lacks.
fn sources(
    workspace: &Workspace,
    recipe: &Utf8Path,
) -> Result<BTreeMap<String, Utf8PathBuf>, NginxError> {
    let manifest = recipe.join("Cargo.toml");
    let words = ["metadata", "--format-version", "1", "--locked", "--filter-platform"];
    let command = workspace.cargo_at(&manifest, &words).arg(build::host());
    let metadata = run::checked(&command, build::DOWNLOAD_LIMIT)?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&metadata.stdout).map_err(NginxError::Metadata)?;
    let packages = metadata.get("packages").and_then(|packages| packages.as_array());
    let of = |package: &serde_json::Value| {
        let manifest = Utf8Path::new(package.get("manifest_path")?.as_str()?);
        Some((package.get("name")?.as_str()?.to_owned(), manifest.parent()?.to_owned()))
    };
    Ok(packages.into_iter().flatten().filter_map(of).collect())
}

fn make(workspace: &Workspace, compiler: Compiler<'_>, place: &Utf8Path) -> Result<(), NginxError> {
    let env = plain(&workspace.env);
    let program = programs::find("make", &env, &["/usr/bin"]).map_err(|_| NginxError::NoMake)?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let command = CommandSpec::new(program, &env)
        .args(["--silent".to_owned(), format!("-j{jobs}")])
        .args([format!("CC={}", place.join("cc")), format!("AR={}", compiler.archiver())])
        .dir(place);
    Ok(run::foreground(&compiler.with_cache(command))?)
}

/// An nginx that was not built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NginxError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("nginx was not built: {0}")]
    Run(#[from] RunError),
    #[error("cargo's answer about nginx's sources cannot be read: {0}")]
    Metadata(serde_json::Error),
    #[error("cargo has no crate {name}, which xtask/nginx/Cargo.toml names")]
    NoSource { name: &'static str },
    #[error("there is no make, which builds nginx: install it")]
    NoMake,
}
