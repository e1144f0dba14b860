//! `gear manifest`: what a cluster is told of an app, printed or written into a directory.

use cart_gear::kubernetes::{self, Deployable, Entrance, Label, Wanted};

use crate::args::ManifestArguments;
use crate::shared::caller;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

pub(crate) fn run(arguments: &ManifestArguments, context: &mut Context) -> Result<(), Failure> {
    context.listen_to_signals()?;
    let interrupts = context.interrupts.clone();
    let options =
        caller::manifest_options(arguments, context.env, interrupts).map_err(Failure::usage)?;
    let wanted = wanted(arguments, options.app.variables.clone())?;
    wanted.check()?;
    let app = Deployable::new(wanted, kubernetes::facts(options)?)?;
    match (&arguments.kustomize, &arguments.helm) {
        (Some(directory), _) => app.kustomize(directory)?,
        (None, Some(directory)) => app.helm(directory)?,
        (None, None) => answer(app.yaml()?.trim_end()),
    }
    app.notices().iter().for_each(|notice| remark(notice));
    Ok(())
}

fn wanted(
    arguments: &ManifestArguments,
    variables: Vec<(String, String)>,
) -> Result<Wanted, Failure> {
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => {
            let app = &arguments.app.app_dir;
            let canonical = app.canonicalize_utf8().unwrap_or_else(|_| app.clone());
            Label::of_directory(canonical.file_name().unwrap_or_default())?
        }
    };
    let host = arguments.host.as_ref().map(|host| host.as_str().to_owned());
    let entrance = match (arguments.route, host) {
        (true, host) => Entrance::Route(host),
        (false, Some(host)) => Entrance::Ingress(host),
        (false, None) => Entrance::Closed,
    };
    let is_alone = arguments.data.is_some();
    let replicas = arguments.replicas.unwrap_or(if is_alone { 1 } else { 2 });
    Ok(Wanted {
        name,
        image: arguments.image.clone(),
        entrance,
        replicas,
        most_replicas: arguments.max_replicas.unwrap_or(if is_alone { 1 } else { replicas * 5 }),
        busy: arguments.busy,
        keda: arguments.keda.then(|| arguments.prometheus.clone()),
        memory: arguments.memory.clone(),
        data: arguments.data.clone(),
        cpu: arguments.cpu.clone(),
        secrets: arguments.secrets.clone(),
        variables,
    })
}
