//! All of it in order: find nginx, render, stage, test, put in place, start.

use std::net::SocketAddr;

use camino::Utf8PathBuf;
use cart_core::files::{self, FileError};
use cart_core::{CartridgeDir, GearEnv};

use crate::config::model::Model;
use crate::config::user_config::{UserConfig, UserConfigError};
use crate::machine::binary::{Binary, BinaryError};
use crate::machine::known::Mark;
use crate::running::stage::{Change, Stage};
use crate::running::test_error::TestError;
use crate::text::layout::{self, FILE_NAME, Rendered};
use crate::text::unfit::ModelError;
use crate::wanted::site::Site;

/// An nginx for one cartridge on one gear.
#[derive(Clone, Debug)]
pub struct Nginx {
    pub(super) binary: Binary,
    pub(super) dir: CartridgeDir,
    pub(super) env: GearEnv,
    /// Whether what it has tested need not be tested again.
    pub(super) believes: bool,
}

impl Nginx {
    /// Finds an nginx that will do.
    ///
    /// # Errors
    /// [`BinaryError`], saying what was found, what is needed and how to get it.
    pub fn find(dir: &CartridgeDir, env: &GearEnv) -> Result<Self, BinaryError> {
        Self::found(dir, env, true)
    }

    /// As [`find`](Self::find), but nothing is taken for granted that was found out before, and nothing is
    /// kept: nginx is asked what it is, and tests also what it has tested.
    ///
    /// # Errors
    /// As `find`.
    pub fn find_anew(dir: &CartridgeDir, env: &GearEnv) -> Result<Self, BinaryError> {
        Self::found(dir, env, false)
    }

    fn found(dir: &CartridgeDir, env: &GearEnv, believes: bool) -> Result<Self, BinaryError> {
        let binary = Binary::find(dir, env, believes)?;
        Ok(Self { binary, dir: dir.clone(), env: env.clone(), believes })
    }

    /// Renders `site`, with the `nginx.conf.erb` of its repository if there is one, and lets nginx
    /// test it, all beside what runs; a configuration of ours that is in place is not tested again by
    /// the same nginx. What comes back is to be promoted, or dropped.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing has changed then.
    pub fn prepare(&self, site: &Site) -> Result<Stage, ConfigError> {
        let model = Model::new(site, &self.binary.build)?;
        let user = UserConfig::load(&site.repo, &self.env, site.settings.erb_fallback)?;
        let rendered = model.render(user.as_ref());
        // What an app's own names may have changed, and the names of hosts in it are looked up.
        let is_known_by_file = self.believes && user.is_none();
        let stage = Stage::write(&self.dir, &rendered, user)?;
        let mark = Mark::of(&self.binary.path).filter(|_| is_known_by_file);
        let is_known = |mark: &Mark| mark.has_tested(stage.place(), &rendered);
        if !mark.as_ref().is_some_and(is_known) {
            stage.test(&self.binary, &self.env)?;
            mark.iter().for_each(|mark| mark.keep_tested(stage.place(), &rendered));
        }
        if !stage.listens_on(site.listen, &self.binary, &self.env)? {
            return Err(ConfigError::Unreachable {
                file: site.repo.join(FILE_NAME),
                address: site.listen,
                short_name: site.short_name.clone(),
            });
        }
        Ok(stage)
    }

    /// Whether `stage`, which was [prepared](Self::prepare) of a site with a second server, passes
    /// anything to it.
    ///
    /// # Errors
    /// [`TestError`] when nginx cannot be asked what it reads.
    pub fn reaches_second_server(&self, stage: &Stage) -> Result<bool, TestError> {
        stage.names_second_server(&self.binary, &self.env)
    }

    /// Lets nginx test a configuration that was in place once, beside what runs, to be promoted or
    /// dropped as that of [`prepare`](Self::prepare).
    ///
    /// # Errors
    /// [`ConfigError`]; nothing has changed then.
    pub fn prepare_again(&self, rendered: &Rendered) -> Result<Stage, ConfigError> {
        let stage = Stage::write(&self.dir, rendered, None)?;
        stage.test(&self.binary, &self.env)?;
        Ok(stage)
    }

    /// [`prepare`](Self::prepare), then puts the configuration in place.
    ///
    /// # Errors
    /// As `prepare`.
    pub fn configure(&self, site: &Site) -> Result<Change, ConfigError> {
        Ok(self.prepare(site)?.promote()?)
    }

    /// The nginx that was found.
    #[must_use]
    pub fn binary(&self) -> &Binary {
        &self.binary
    }

    /// Notes that whatever runs has read the configuration that is in place.
    pub fn has_obeyed(&self) {
        // It may be told once more than it needs.
        let _ = files::remove_if_exists(&layout::pending_file(&self.dir));
    }
}

/// A configuration that did not come about. What runs is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value of the gear's that no configuration can hold.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An `nginx.conf.erb` that cannot be rendered.
    #[error(transparent)]
    User(#[from] UserConfigError),
    /// A file that cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A configuration that nginx will not have.
    #[error(transparent)]
    Test(#[from] TestError),
    /// An `nginx.conf.erb` that would leave the gear's address to nobody.
    #[error(
        "{file}: no server in it listens on {address}, where the gear is reached\nWrite in its server block: listen <%= ENV['OPENSHIFT_{short_name}_IP'] %>:<%= ENV['OPENSHIFT_{short_name}_PORT'] %>;"
    )]
    Unreachable {
        /// The file.
        file: Utf8PathBuf,
        /// The gear's address.
        address: SocketAddr,
        /// The cartridge's short name.
        short_name: String,
    },
}
