//! The command line, and the one that is passed on to `gear`.

use camino::Utf8PathBuf;
use cart_gear::{Base, Output};
use clap::{Args, Parser, Subcommand};

use crate::archive::download::SourceUrl;

/// Tasks of this workspace
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) task: Task,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Assemble the cartridge in target/dist/advanced-python/, and pack it as .tar.gz and .zip
    Dist(DistArguments),
    /// Make the image with which `s2i build` makes images of apps, for the Python of its base
    Image(ImageArguments),
    /// Serve an app (examples/apps/welcome by default) until Ctrl-C, after installing what the
    /// machine lacks
    #[command(disable_help_flag = true)]
    Serve {
        /// The app's directory and options of `gear serve`; `--help` lists those
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Change and kill things under load, and print what clients lost
    #[command(disable_help_flag = true)]
    Lost {
        /// --seconds N, --server NAME, --scenario NAME, --load 200|full; `--help` explains them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Let one visitor do what he can, and print which others it reaches
    #[command(disable_help_flag = true)]
    Desync {
        /// --server NAME, --few; `--help` explains them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Play Autobahn's cases through nginx, and print which a server's WebSockets failed
    #[command(disable_help_flag = true)]
    Autobahn {
        /// --server NAME, --case CASE, --compression, --parallel N; `--help` explains them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Look whether every server behaves as the others do, and print server by check
    #[command(disable_help_flag = true)]
    Conformance {
        /// --server NAME, --check NAME, --short, --json FILE, --svg FILE; `--help` explains them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measure how fast it is beside the bare servers, an nginx tuned by hand, and the original's
    #[command(disable_help_flag = true)]
    Bench {
        /// PART..., --server NAME, --rounds N, --seconds N, --gears N, --check, --json FILE, --svg FILE;
        /// `--help` explains them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Make anew what the templates and expressions of crates/cart-erb/tests/fixtures give, with a real
    /// `erb`, after installing it
    Erb {
        /// Change nothing; fail if something differs
        #[arg(long)]
        check: bool,
    },
    /// Check format, lints and documentation and run all tests, after installing what the machine
    /// lacks
    Test {
        /// Passed on to `cargo test --workspace`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct DistArguments {
    /// From a development build, which is made faster and only runs on machines like this one;
    /// nothing is packed
    #[arg(long, conflicts_with = "source_url")]
    pub(crate) debug: bool,
    /// Put an nginx of its own into the cartridge, for nodes that have none
    #[arg(long)]
    pub(crate) with_nginx: bool,
    /// Put a uv into the cartridge, which installs packages many times as fast as pip
    #[arg(long)]
    pub(crate) with_uv: bool,
    /// Pack a Debian package of `gear` with the cartridge, too
    #[arg(long, conflicts_with = "debug")]
    pub(crate) deb: bool,
    /// Where the archive will be downloaded from: make the manifest of a downloadable cartridge,
    /// too
    #[arg(long, value_name = "URL", value_parser = SourceUrl::parse)]
    pub(crate) source_url: Option<SourceUrl>,
}

#[derive(Args, Debug)]
pub(crate) struct ImageArguments {
    /// What is below: an image, as `buildah from` takes it, or the directory of a system; with Python,
    /// and with nginx unless --with-nginx is given
    #[arg(long, value_name = "REF|DIR", default_value = "python:3.13-slim")]
    pub(crate) base: Base,
    /// What the image is to be called [default: localhost/advanced-python:VERSION, of the base's Python]
    #[arg(long, value_name = "NAME")]
    pub(crate) tag: Option<String>,
    /// Where the image is put: oci:DIR, docker-archive:FILE or containers-storage, where podman has
    /// its images
    #[arg(long, value_name = "WHERE", default_value = "containers-storage")]
    pub(crate) output: Output,
    /// Write a Cloud Native Buildpack into this directory instead of making an image
    #[arg(long, value_name = "DIR", conflicts_with_all = ["tag", "output"])]
    pub(crate) buildpack: Option<Utf8PathBuf>,
    /// From a development build, which runs on bases like this machine
    #[arg(long)]
    pub(crate) debug: bool,
    /// From the development build that was assembled last, as it is
    #[arg(long, conflicts_with_all = ["debug", "with_nginx", "with_uv"])]
    pub(crate) assembled: bool,
    /// Put an nginx of its own into the cartridge, for bases that have none
    #[arg(long)]
    pub(crate) with_nginx: bool,
    /// Put a uv into the cartridge, which installs packages many times as fast as pip
    #[arg(long)]
    pub(crate) with_uv: bool,
}

impl ImageArguments {
    /// What the cartridge shall bring.
    pub(crate) fn brought(&self) -> Bring {
        Bring { nginx: self.with_nginx, uv: self.with_uv }
    }
}

impl DistArguments {
    /// What the cartridge shall bring.
    pub(crate) fn brought(&self) -> Bring {
        Bring { nginx: self.with_nginx, uv: self.with_uv }
    }
}

/// What a cartridge shall bring beside its own program.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bring {
    /// An nginx.
    pub(crate) nginx: bool,
    /// A uv.
    pub(crate) uv: bool,
}

/// The arguments of `gear serve`: those that were given, with our cartridge and the default app
/// where none is named.
pub(crate) fn for_gear(given: &[String], cartridge: &str, default_app: &str) -> Vec<String> {
    let names_cartridge = |word: &String| word == "--cartridge" || word.starts_with("--cartridge=");
    let mut args = Vec::new();
    if !given.iter().any(names_cartridge) {
        args.extend(["--cartridge".to_owned(), cartridge.to_owned()]);
    }
    args.extend(given.iter().cloned());
    if !names_app(given) {
        args.push(default_app.to_owned());
    }
    args
}

/// Whether a word stands alone. Each option of `gear serve` takes a value, but for those that ask
/// for help.
fn names_app(given: &[String]) -> bool {
    let mut words = given.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" | "-h" => return true,
            "--" => return words.next().is_some(),
            option if option.starts_with("--") => {
                if !option.contains('=') {
                    words.next();
                }
            }
            _ => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(given: &str) -> String {
        let words: Vec<String> = given.split_whitespace().map(str::to_owned).collect();
        for_gear(&words, "dist", "welcome").join(" ")
    }

    #[test]
    fn the_default_app_and_our_cartridge_are_put_in_where_none_is_named() {
        assert_eq!(passed(""), "--cartridge dist welcome");
        assert_eq!(
            passed("--server gunicorn --env A=b"),
            "--cartridge dist --server gunicorn --env A=b welcome"
        );
        assert_eq!(passed("--listen=1:2 my/app"), "--cartridge dist --listen=1:2 my/app");
        assert_eq!(passed("my/app --server x"), "--cartridge dist my/app --server x");
        assert_eq!(passed("--cartridge mine"), "--cartridge mine welcome");
        assert_eq!(passed("--help"), "--cartridge dist --help");
        assert_eq!(passed("-- app"), "--cartridge dist -- app");
    }

    #[test]
    fn a_development_build_is_not_for_nodes() {
        let dist = |words: &[&str]| {
            Arguments::try_parse_from([&["xtask", "dist"], words].concat()).is_ok()
        };
        assert!(dist(&[]) && dist(&["--debug"]));
        assert!(dist(&["--with-nginx", "--source-url", "https://x/a.zip"]));
        assert!(dist(&["--debug", "--with-nginx", "--with-uv"]));
        assert!(!dist(&["--debug", "--source-url", "https://x/a.zip"]));
        assert!(!dist(&["--source-url", "a.zip"]));
    }

    #[test]
    fn options_of_gear_are_not_taken_for_ours() {
        let words = ["xtask", "serve", "--server", "gevent", "-h"];
        let Task::Serve { args } = Arguments::try_parse_from(words).unwrap().task else {
            panic!("another task")
        };
        assert_eq!(args, ["--server", "gevent", "-h"]);
        let Task::Test { args } =
            Arguments::try_parse_from(["xtask", "test", "name", "--", "--nocapture"]).unwrap().task
        else {
            panic!("another task")
        };
        assert_eq!(args, ["name", "--", "--nocapture"]);
    }
}
