use camino::Utf8Path;
use cart_core::{CartridgeDir, Gear, GearEnv};

use super::*;
use crate::wanted::folder::{Folder, FolderPath};
use crate::wanted::site::{Connections, Upstream, WebsocketServer};

/// As Debian builds it, in short.
const DEBIAN: &str = "nginx version: nginx/1.22.1\nconfigure arguments: \
    --with-http_realip_module --with-http_stub_status_module --with-http_v2_module";
/// Old, and without everything that can be missing.
const BARE: &str = "nginx version: nginx/1.10.3\nconfigure arguments: --without-http_gzip_module \
    --without-http_uwsgi_module --without-http_scgi_module --without-http_fastcgi_module";

fn build(text: &str) -> Build {
    Build::parse(text).unwrap()
}

/// The site of a gear in `/g`, not as root.
fn site() -> Site {
    site_with(&GearEnv::new())
}

fn site_with(more: &GearEnv) -> Site {
    let mut env = GearEnv::new()
        .with("OPENSHIFT_HOMEDIR", "/g/")
        .with("OPENSHIFT_ADVANCED_PYTHON_IP", "127.3.4.5")
        .with("OPENSHIFT_ADVANCED_PYTHON_PORT", "8080")
        .with("OPENSHIFT_APP_DNS", "app-me.example.com");
    for (name, value) in more.iter() {
        env.set(name, value);
    }
    let gear = Gear::from_env(&env).unwrap();
    let dir = CartridgeDir::new("/g/advanced-python".into());
    let settings = NginxSettings::from_env(&env).unwrap();
    Site {
        dir: dir.clone(),
        short_name: "ADVANCED_PYTHON".into(),
        listen: "127.3.4.5:8080".parse().unwrap(),
        repo: gear.repo.clone(),
        folders: vec![public("/g/app-root/runtime/repo/public")],
        precompressed: layout::precompressed(&dir),
        fallback_in: 0,
        host: gear.dns,
        upstream: Some(Upstream {
            sockets: vec![dir.run().join("appserver.sock")],
            connections: Connections::Pooled,
        }),
        websocketserver: None,
        run_as: None,
        file_limit: 1_048_576,
        settings,
    }
}

fn public(directory: &str) -> Folder {
    Folder { at: FolderPath::root(), directory: directory.into() }
}

/// The three files under each other, without the table of types and the list of headers that the app
/// never gets, which are always the same.
fn shown(rendered: &Rendered) -> String {
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
    let main = text(&rendered.main);
    let (before, types) = main.split_once("    types {").unwrap();
    let (_, after) = types.split_once("    }\n").unwrap();
    let dropped =
        |line: &&str| line.trim().starts_with("proxy_set_header") && line.ends_with("\"\";");
    let after: Vec<&str> = after.lines().filter(|line| !dropped(line)).collect();
    let after = after.join("\n");
    format!(
        "==> nginx.conf\n{before}    types ...\n{after}\n==> nginx.appserver.conf\n{}\n==> nginx.server.conf\n{}",
        text(&rendered.appserver),
        text(&rendered.server)
    )
}

fn rendered(site: &Site, version: &str) -> Rendered {
    Model::new(site, &build(version)).unwrap().render(None)
}

fn server_text(rendered: &Rendered) -> &str {
    std::str::from_utf8(&rendered.server).unwrap()
}

fn main_text(rendered: &Rendered) -> &str {
    std::str::from_utf8(&rendered.main).unwrap()
}

fn appserver_text(rendered: &Rendered) -> &str {
    std::str::from_utf8(&rendered.appserver).unwrap()
}

#[test]
fn defaults_on_debians_nginx() {
    insta::assert_snapshot!(shown(&rendered(&site(), DEBIAN)));
}

#[test]
fn everything_missing_on_an_old_nginx_that_runs_as_root() {
    let mut site = site();
    site.run_as = Some(RunAs { user: "gear".into(), group: "gear".into() });
    site.host = None;
    site.file_limit = 1024;
    insta::assert_snapshot!(shown(&rendered(&site, BARE)));
}

#[test]
fn only_files() {
    let mut site = site();
    site.upstream = None;
    insta::assert_snapshot!(shown(&rendered(&site, DEBIAN)));
}

#[test]
fn a_request_looks_for_a_file_in_public_then_in_the_folders_of_its_path_then_goes_to_the_app() {
    let mut site = site();
    let folder = |at: &str, directory: &str| Folder {
        at: FolderPath::parse(at).unwrap(),
        directory: directory.into(),
    };
    let below = [folder("/static/", "/g/wsgi static"), folder("/static/", "/g/collected")];
    site.folders = below.to_vec();
    insta::assert_snapshot!("only_folders_below", server_text(&rendered(&site, DEBIAN)));
    site.folders.extend([public("/g/public"), public("/g/dist")]);
    site.settings.fallback = Some("/index.html".to_owned());
    site.fallback_in = 1;
    insta::assert_snapshot!("every_kind_of_folder", server_text(&rendered(&site, DEBIAN)));
    site.upstream = None;
    let files_only = rendered(&site, DEBIAN);
    assert!(server_text(&files_only).contains("try_files $in_folder_3 $otherwise;"));
    assert!(server_text(&files_only).contains("try_files $uri $uri/ @files_1;"));
}

#[test]
fn every_setting_has_its_place() {
    let more: GearEnv = [
        ("OPENSHIFT_NGINX_MAX_BODY_SIZE", "7m"),
        ("OPENSHIFT_NGINX_READ_TIMEOUT", "701"),
        ("OPENSHIFT_NGINX_CLIENT_TIMEOUT", "702"),
        ("OPENSHIFT_NGINX_SHUTDOWN_TIMEOUT", "703"),
        ("OPENSHIFT_NGINX_WORKERS", "4"),
        ("OPENSHIFT_NGINX_WORKER_CONNECTIONS", "704"),
        ("OPENSHIFT_NGINX_ACCESS_LOG", "off"),
        ("OPENSHIFT_NGINX_METRICS_PATH", "/figures"),
        ("OPENSHIFT_NGINX_TRUSTED_PROXIES", "192.0.2.1"),
    ]
    .into_iter()
    .collect();
    let rendered = rendered(&site_with(&more), DEBIAN);
    for line in [
        "client_max_body_size 7m;",
        "proxy_read_timeout 701s;",
        "proxy_send_timeout 701s;",
        "client_body_timeout 702s;",
        "client_header_timeout 702s;",
        "send_timeout 702s;",
        "worker_shutdown_timeout 703s;",
        "worker_processes 4;",
        "worker_connections 704;",
        "access_log off;",
        "server \"unix:/g/advanced-python/run/metrics.sock\" max_fails=0;",
        "::1/128 1;\n        192.0.2.1/32 1;\n    }\n    map \"$http_x_forwarded_for",
        "set_real_ip_from 192.0.2.1/32;",
    ] {
        assert!(main_text(&rendered).contains(line), "{line}");
    }
    assert!(appserver_text(&rendered).contains("192.0.2.1/32 1;"));
    assert!(server_text(&rendered).contains("location = /figures {"));
}

#[test]
fn a_pool_needs_bounds_and_a_server_that_can_have_one() {
    let has_pool = |site: &Site, version: &str| {
        let rendered = rendered(site, version);
        let pool = appserver_text(&rendered).contains("keepalive 64;");
        // Without a pool each connection is closed by the app's server, not by accident.
        assert_eq!(appserver_text(&rendered).contains("\" GET HTTP/1.1   \" '';"), pool);
        pool
    };
    let mut site = site();
    assert!(has_pool(&site, "nginx/1.19.10"));
    assert!(!has_pool(&site, "nginx/1.19.9"));
    site.upstream.as_mut().unwrap().connections = Connections::OneEach;
    assert!(!has_pool(&site, "nginx/1.19.10"));
}

#[test]
fn a_second_server_gets_its_part_of_the_site_and_each_client_one_of_several_sockets() {
    let mut site = site();
    let second = |sockets: &[&str]| WebsocketServer {
        at: FolderPath::parse("/chat/ws.1/").unwrap(),
        upstream: Upstream {
            sockets: sockets.iter().map(|path| (*path).into()).collect(),
            connections: Connections::Pooled,
        },
    };
    site.websocketserver = Some(second(&["/g/run/websocketserver.sock", "/g/run/w-2.sock"]));
    insta::assert_snapshot!(appserver_text(&rendered(&site, DEBIAN)));
    let without = format!("{DEBIAN} --without-http_upstream_hash_module");
    let refused = Model::new(&site, &build(&without)).unwrap_err().to_string();
    insta::assert_snapshot!(refused, @"each client is to stay with one worker, and this nginx 1.22.1 was built without http_upstream_hash_module, which sees to that: take another nginx, or one worker");
    site.websocketserver = Some(second(&["/g/run/websocketserver.sock"]));
    assert!(Model::new(&site, &build(&without)).is_ok());
}

#[test]
fn clients_may_come_again_after_a_reload_where_nginx_can_wait_for_them() {
    let told = |version: &str| {
        main_text(&rendered(&site(), &format!("nginx version: nginx/{version}\n")))
            .contains("    keepalive_min_timeout 1s;\n")
    };
    assert!(told("1.27.4") && !told("1.26.3"));
}

#[test]
fn paths_stay_in_their_quotes() {
    let mut site = site();
    site.folders = vec![public(r#"/a "b"; } {\/public"#)];
    site.upstream.as_mut().unwrap().sockets = vec!["/s; x/$y.sock".into()];
    let rendered = rendered(&site, DEBIAN);
    assert!(server_text(&rendered).contains(r#"root "/a \"b\"; } {\\/public";"#));
    assert!(appserver_text(&rendered).contains(r#"server "unix:/s; x/$y.sock" max_fails=0;"#));
}

#[test]
fn ipv6_addresses_have_brackets() {
    let mut site = site();
    site.listen = "[::1]:8080".parse().unwrap();
    site.host = None;
    let rendered = rendered(&site, DEBIAN);
    assert!(server_text(&rendered).contains("listen [::1]:8080 default_server"));
    assert!(appserver_text(&rendered).contains("'' [::1]:8080;"));
}

#[test]
fn what_cannot_be_written_names_where_it_comes_from() {
    let refused = |change: &dyn Fn(&mut Site)| {
        let mut site = site();
        change(&mut site);
        Model::new(&site, &build(DEBIAN)).unwrap_err().to_string()
    };
    let socket = |site: &mut Site, path: &str| {
        site.upstream.as_mut().unwrap().sockets = vec![path.into()];
    };
    let all = [
        refused(&|site| site.folders = vec![public("/a$b")]),
        refused(&|site| site.folders = vec![public("/a\nb")]),
        refused(&|site| site.dir = CartridgeDir::new("/a[1]/c".into())),
        refused(&|site| site.host = Some("a.b; }".into())),
        refused(&|site| socket(site, &format!("/{}", "x".repeat(107)))),
        refused(&|site| socket(site, "/a\tb")),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_log_of_json_is_for_an_nginx_that_can_and_has_what_it_names() {
    let json = site_with(&GearEnv::new().with("OPENSHIFT_LOG_FORMAT", "json"));
    let mut only_files = json.clone();
    only_files.upstream = None;
    for site in [&json, &only_files] {
        let rendered = rendered(site, DEBIAN);
        assert!(main_text(&rendered).contains("nginx-access.log cartridge_json buffer=32k"));
        for variable in ["$logged_time", "$logged_status", "$app_request_id"] {
            assert!(main_text(&rendered).contains(variable), "{variable}");
            assert!(appserver_text(&rendered).contains(&format!("{variable} {{")), "{variable}");
        }
    }
    let main = |site: &Site, of: &str| main_text(&rendered(site, of)).to_owned();
    assert!(main(&json, BARE).contains("logs/nginx-access.log main buffer=32k"));
    assert!(!main(&json, BARE).contains("escape=json"));
    assert!(!main(&site(), DEBIAN).contains("json '"));
    let text = rendered(&site(), DEBIAN);
    assert!(!appserver_text(&text).contains("$logged_"));
}

fn with_user(template: &str) -> Rendered {
    let dir = tempfile::tempdir().unwrap();
    let repo = Utf8Path::from_path(dir.path()).unwrap();
    cart_core::files::write_atomic(&repo.join("nginx.conf.erb"), template.as_bytes(), 0o644)
        .unwrap();
    let user = UserConfig::load(repo, &GearEnv::new(), false).unwrap().unwrap();
    Model::new(&site(), &build(DEBIAN)).unwrap().render(Some(&user))
}

#[test]
fn an_apps_own_directives_replace_ours() {
    let ours = with_user("server { gzip off; }\n");
    for directive in ["gzip on;", "client_max_body_size", "access_log logs", "log_format main"] {
        assert!(main_text(&ours).contains(directive), "{directive}");
    }
    let theirs = with_user(
        "gzip off; client_max_body_size 1m;\nlog_format mine '$uri';\naccess_log logs/x mine;\n",
    );
    for directive in ["gzip on;", "client_max_body_size", "access_log logs"] {
        assert!(!main_text(&theirs).contains(directive), "{directive}");
    }
    assert!(main_text(&theirs).contains("log_format main"), "another format than theirs");
    assert!(main_text(&theirs).contains("gzip_vary on;"));
}

#[test]
fn an_upstream_that_repeats_the_originals_gives_way() {
    for place in ["unix:/g/advanced-python//run/appserver.sock", "127.3.4.5:15000"] {
        let template = format!(
            "# my own\nupstream appserver {{\n  # a comment\n  server {place} fail_timeout=30;\n}}\nserver {{ }}\n"
        );
        let rendered = with_user(&template);
        assert!(appserver_text(&rendered).contains("upstream appserver {"), "{place}");
        let lines: Vec<&str> = server_text(&rendered).lines().map(str::trim_end).collect();
        assert_eq!(lines[..5], ["# my own", "", "", "", ""]);
        assert!(lines[5].starts_with("server { location = /.well-known/cartridge/live {"));
    }
}

#[test]
fn any_other_upstream_is_the_apps_decision() {
    for block in [
        "server 127.0.0.1:9000;",
        "server unix:/g/advanced-python/run/appserver.sock; keepalive 64;",
        "server 127.3.4.5:15000; server 127.0.0.1:9000;",
    ] {
        let rendered = with_user(&format!("upstream appserver {{ {block} }}\n"));
        assert!(!appserver_text(&rendered).contains("upstream appserver {"), "{block}");
        assert!(server_text(&rendered).contains(block));
    }
}
