//! `control doctor`: everything that a start decides, without building, installing or starting
//! anything, and all that it would refuse at once. Each part is asked of the function that a start
//! asks; where that stops at the first fault, it is asked again without it.

mod finding;

use camino::Utf8Path;
use cart_core::GearEnv;
use cart_core::cartridge::Context;
use cart_core::setting::all_wrong;
use cart_nginx::{FILE_NAME, Folder, NginxSettings};
use cart_python::app::capitalized;
use cart_python::discovery::Found;
use cart_python::inputs::{Inputs, InputsError};
use cart_python::procfile::Program;
use cart_python::project::{Project, ProjectError};
use cart_python::server::choice::DecidedBy;
use cart_python::settings::REQUIREMENTS_PATH;
use cart_python::{PythonApp, PythonError, PythonSettings, procfile, websocket};

use crate::error::Error;
use crate::messages;
use crate::start::ready;
use finding::{Finding, Topic, Verdict};

/// The argument that asks for JSON, an object in each line.
const JSON: &str = "--json";

/// Tells what it finds.
///
/// # Errors
/// [`Error::Refused`], when a start would be refused.
pub(crate) fn doctor(ctx: &mut Context<'_>, argument: Option<&str>) -> Result<(), Error> {
    let findings = examine(ctx);
    for finding in &findings {
        match argument {
            Some(JSON) => ctx.result(&serde_json::to_string(finding).unwrap_or_default()),
            _ => ctx.result(&finding.to_string()),
        }
    }
    let count = findings.iter().filter(|f| f.verdict == Verdict::Refused).count();
    if count == 0 { Ok(()) } else { Err(Error::Refused { count }) }
}

fn examine(ctx: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let env = settings(ctx.env, &mut findings);
    let mut nobody = std::io::sink();
    let ctx = &Context::new(&env, ctx.gear, ctx.dir, &mut nobody);
    match ready::app(ctx) {
        Ok(mut app) => {
            // What a start remembers of the app it found is not ours to change.
            let elsewhere = tempfile::tempdir().ok();
            let elsewhere = elsewhere.as_ref().and_then(|dir| Utf8Path::from_path(dir.path()));
            if let Some(elsewhere) = elsewhere {
                elsewhere.clone_into(&mut app.places.seen);
            }
            python(&app, &mut findings);
            let inputs = packages(&app, &env, &mut findings);
            app_and_server(&app, inputs.as_ref(), &mut findings);
            if let Some(second) = app.for_websockets() {
                app_and_server(&second, inputs.as_ref(), &mut findings);
            }
            background(&app, &mut findings);
        }
        Err(error) => {
            findings.push(Finding::refused(Topic::Python, &messages::explain(&error)));
        }
    }
    files(ctx, &mut findings);
    release(ctx, &mut findings);
    nginx(ctx, &mut findings);
    findings
}

/// The environment without the variables that are wrong, of which each is told.
fn settings(env: &GearEnv, findings: &mut Vec<Finding>) -> GearEnv {
    let mut wrong = all_wrong(cart_python::SETTINGS, env, PythonSettings::from_env);
    wrong.extend(all_wrong(cart_nginx::SETTINGS, env, NginxSettings::from_env));
    let mut rest = env.clone();
    for error in &wrong {
        let text = error.to_string();
        let by = Some(error.variable.clone());
        findings.push(Finding::refused(Topic::Settings, &text).by(by));
        rest.remove(&error.variable);
    }
    let set: Vec<_> = crate::settings().filter_map(|s| is_set(&rest, s.name)).collect();
    if wrong.is_empty() || !set.is_empty() {
        findings.push(Finding::ok(Topic::Settings, messages::variables(&set)));
    }
    rest
}

fn is_set(env: &GearEnv, name: &'static str) -> Option<&'static str> {
    env.get(name).filter(|value| !value.is_empty()).map(|_| name)
}

fn python(app: &PythonApp, findings: &mut Vec<Finding>) {
    let found = app.python_wish().and_then(|wish| Ok((app.next_python(&wish)?, wish)));
    let at = |place: &cart_python::python_wish::Place| format!("{}:{}", place.file, place.line);
    match found {
        Ok((version, wish)) => {
            let by = wish.decided_by(&version).map(at);
            findings.push(Finding::ok(Topic::Python, wish.sentence(&version)).by(by));
            let remarks = wish.remarks(&version).into_iter();
            findings.extend(remarks.map(|remark| Finding::note(Topic::Python, remark)));
        }
        Err(error) => {
            let by = error.place().map(at);
            findings.push(Finding::refused(Topic::Python, &error.to_string()).by(by));
        }
    }
}

fn packages(app: &PythonApp, env: &GearEnv, findings: &mut Vec<Finding>) -> Option<Inputs> {
    let variable = is_set(env, REQUIREMENTS_PATH.name).map(str::to_owned);
    let inputs = match app.inputs() {
        Ok(inputs) => inputs,
        Err(error) => {
            let by = line_of(&error).or(variable);
            findings.push(Finding::refused(Topic::Packages, &error.to_string()).by(by));
            return None;
        }
    };
    let by = variable.or_else(|| deciding_file(app, &inputs));
    findings.push(Finding::ok(Topic::Packages, messages::packages(by.as_deref())).by(by));
    findings.extend(inputs.said.iter().map(|note| Finding::note(Topic::Packages, note)));
    Some(inputs)
}

/// Where the Python that is asked for cannot be had, another one can read the app's files, too.
fn app_and_server(app: &PythonApp, inputs: Option<&Inputs>, findings: &mut Vec<Finding>) {
    let found = match app.find() {
        Err(PythonError::Python(_)) => app.find_by_any_python(),
        other => other,
    };
    let early = found.as_ref().map(|found| {
        inputs.map_or(Ok(()), |inputs| app.refuse_early(inputs, found)).map(|()| found)
    });
    match early {
        // The second server's is the first one's, unless a variable names another.
        Ok(Ok(found)) if app.below().is_some() && !is_named_for_second(found) => {}
        Ok(Ok(found)) => {
            let by = Some(found.decided_by.to_string());
            findings.push(Finding::ok(Topic::App, capitalized(&found.because)).by(by));
            findings.extend(app.not_in_repo(found).map(|note| Finding::note(Topic::App, note)));
        }
        Ok(Err(error)) => findings.push(Finding::refused(Topic::App, &error.to_string())),
        Err(error) => findings.push(Finding::refused(Topic::App, &error.to_string())),
    }
    server(app, found.as_ref().ok(), findings);
}

fn is_named_for_second(found: &Found) -> bool {
    found.decided_by.to_string() == websocket::APPLICATION.name
}

fn server(app: &PythonApp, found: Option<&Found>, findings: &mut Vec<Finding>) {
    let chosen = app.choose(found);
    let reads_conf = chosen.as_ref().is_ok_and(|chosen| chosen.server.name() == "gunicorn");
    match chosen {
        // It would depend on the app.
        Ok(chosen) if found.is_none() && chosen.decided_by == DecidedBy::Nothing => {}
        Ok(chosen) => {
            let by = match (chosen.decided_by, &chosen.procfile) {
                (DecidedBy::Variable, _) => Some(app.settings.server_by.name.to_owned()),
                (DecidedBy::Procfile, Some(procfile)) => {
                    Some(format!("Procfile:{}", procfile.line))
                }
                _ => None,
            };
            let text = messages::would_serve(app, &chosen);
            findings.push(Finding::ok(Topic::Server, text).by(by));
        }
        Err(error) => findings.push(Finding::refused(Topic::Server, &error.to_string())),
    }
    if app.below().is_some() {
        // The rest is about the first one.
        return;
    }
    let repo = &app.places.repo;
    if let Ok(Some(web)) = procfile::web(repo)
        && let Program::Other(program) = &web.program
    {
        let text = messages::not_understood(web.line, program);
        findings.push(Finding::note(Topic::Server, text));
    }
    if !reads_conf && repo.join("gunicorn.conf.py").is_file() {
        findings.push(Finding::note(Topic::Server, messages::not_read_without_gunicorn()));
    }
}

fn background(app: &PythonApp, findings: &mut Vec<Finding>) {
    match app.background() {
        Ok(background) => {
            findings.extend(background.lines.iter().map(|(line, count)| {
                let by = Some(format!("{}:{}", procfile::FILE, line.line));
                Finding::ok(Topic::Beside, messages::would_run(line, *count)).by(by)
            }));
            let misnamed = background.misnamed.iter().map(messages::is_not_run);
            findings.extend(misnamed.map(|text| Finding::note(Topic::Beside, text)));
        }
        Err(error) => {
            findings.push(Finding::refused(Topic::Beside, &error.to_string()));
        }
    }
}

/// Where a file cannot be read.
fn line_of(error: &InputsError) -> Option<String> {
    match error {
        InputsError::Project(ProjectError::Malformed { path, line, .. }) => {
            Some(format!("{}:{line}", path.file_name()?))
        }
        _ => None,
    }
}

/// The file that the packages come from, from the repository's top.
fn deciding_file(app: &PythonApp, inputs: &Inputs) -> Option<String> {
    let requirements = inputs.requirements.as_ref().map(|requirements| {
        let file = &requirements.file;
        file.strip_prefix(&app.places.repo).unwrap_or(file).to_string()
    });
    requirements.or_else(|| match &inputs.project {
        Project::Plain => None,
        Project::Package { file, .. } => Some((*file).to_owned()),
        Project::Dependencies(_) => Some("pyproject.toml".to_owned()),
    })
}

fn files(ctx: &Context<'_>, findings: &mut Vec<Finding>) {
    // What is wrong with its settings is another finding's.
    let Ok(site) = ready::site(ctx) else { return };
    let own = site.has_own_configuration();
    let folders = if own { &[] } else { &*site.folders };
    findings.extend(folders.iter().map(|Folder { at, directory }| {
        let directory = directory.strip_prefix(&ctx.gear.repo).unwrap_or(directory);
        let first = if at.is_root() { ", before the app is asked" } else { "" };
        Finding::ok(Topic::Files, format!("{directory}/ is served at {at}{first}"))
    }));
    if own {
        let text = format!("{} says which files are served", FILE_NAME);
        findings.push(Finding::ok(Topic::Files, text));
    } else if folders.is_empty() {
        let text = "There is no public/: every request goes to the app";
        findings.push(Finding::ok(Topic::Files, text));
    }
    findings.extend(site.not_served().iter().map(|it| Finding::note(Topic::Files, it.to_string())));
}

fn release(ctx: &Context<'_>, findings: &mut Vec<Finding>) {
    findings.extend(match procfile::process_named(&ctx.gear.repo, "release") {
        Ok(line) => line.map(|line| {
            let by = Some(format!("{}:{}", procfile::FILE, line.line));
            Finding::ok(Topic::Release, messages::would_release(&line)).by(by)
        }),
        Err(error) => Some(Finding::refused(Topic::Release, &error.to_string())),
    });
}

/// Rendered and tested beside what is in place, and gone afterwards.
fn nginx(ctx: &Context<'_>, findings: &mut Vec<Finding>) {
    let has_own = ctx.gear.repo.join(FILE_NAME).is_file();
    let by = has_own.then(|| FILE_NAME.to_owned());
    let tested = || -> Result<Vec<Finding>, Error> {
        let nginx = ready::nginx_anew(ctx)?;
        let site = ready::site(ctx)?;
        let stage = nginx.prepare(&site)?;
        let would_do = Finding::ok(Topic::Nginx, messages::nginx_would_do(&nginx, has_own));
        let cut_off = ready::is_second_cut_off(&nginx, &site, &stage)?;
        let second = site.websocketserver.as_ref().filter(|_| cut_off);
        let note = second.map(|s| Finding::note(Topic::Nginx, messages::second_cut_off(s)));
        Ok(std::iter::once(would_do).chain(note).collect())
    };
    match tested() {
        Ok(found) => findings.extend(found.into_iter().map(|finding| finding.by(by.clone()))),
        Err(error) => {
            let refused = Finding::refused(Topic::Nginx, &messages::explain(&error));
            findings.push(refused.by(by));
        }
    }
}
