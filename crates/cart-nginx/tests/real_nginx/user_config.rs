//! An app's own `nginx.conf.erb`: those that work, and what is said of those that do not.

use cart_core::files;
use cart_nginx::{Change, Connections, FolderPath, Upstream, WebsocketServer, health, layout};

use crate::app::App;
use crate::bench::Bench;

/// As people wrote them for the original cartridge, from its documentation: their own upstream,
/// their own server block, their own headers.
const FOR_THE_ORIGINAL: &str = "\
upstream appserver {
    # servers without unix sockets listen on an internal port
    server <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:15000 fail_timeout=30;
}

server {
    listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>;
    root   <%= ENV['OPENSHIFT_REPO_DIR'] %>public;
    server_name _;
    keepalive_timeout 5;
    access_log <%= ENV['OPENSHIFT_ADVANCED_PYTHON_DIR'] %>logs/mine.log main;

    location / {
        try_files $uri @proxy;
    }

    location @proxy {
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_redirect off;
        proxy_pass http://appserver;
    }
}
";

#[test]
fn one_written_for_the_original_cartridge_works_unchanged() {
    let bench = Bench::new().file("nginx.conf.erb", FOR_THE_ORIGINAL).file("public/f", "file");
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    assert_eq!(bench.get("/f").text(), "file");
    assert_eq!(bench.get("/x").text(), "GET /x HTTP/1.1");
    assert_eq!(app.last().header("x-real-ip"), Some("127.0.0.1"));
    assert!(bench.dir.logs().join("mine.log").exists());
}

/// nginx refuses sizes of buffers that do not go together: whoever sets one of them has set those
/// that go with nginx's own defaults.
#[test]
fn one_that_sets_some_of_the_buffers_for_answers_gets_none_of_ours() {
    for sizes in ["proxy_buffers 4 16k;", "proxy_buffer_size 2k;", "proxy_busy_buffers_size 8k;"] {
        let in_location = format!("proxy_redirect off; {sizes}");
        let template = FOR_THE_ORIGINAL.replace("proxy_redirect off;", &in_location);
        let bench = Bench::new().file("nginx.conf.erb", &template);
        let _app = App::parrot(&bench.socket());
        let _nginx = bench.serve();
        assert_eq!(bench.get("/x").text(), "GET /x HTTP/1.1", "{sizes}");
    }
}

#[test]
fn so_does_one_that_names_the_socket_itself() {
    let socket = "unix:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_DIR'] %>run/appserver.sock";
    let template = FOR_THE_ORIGINAL
        .replace("<%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:15000 fail_timeout=30", socket);
    let bench = Bench::new().file("nginx.conf.erb", &template);
    let _app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    assert_eq!(bench.get("/x").text(), "GET /x HTTP/1.1");
}

/// Everything that our own files set at the level where a template stands.
const SETS_EVERYTHING: &str = "\
types_hash_max_size 1024; default_type text/plain; server_tokens on; sendfile off;
log_format main '$uri'; access_log off; keepalive_timeout 1s; keepalive_requests 1;
client_max_body_size 1k; client_header_timeout 1s; client_body_timeout 1s; send_timeout 1s;
client_body_temp_path run/b; proxy_temp_path run/p; fastcgi_temp_path run/f;
uwsgi_temp_path run/u; scgi_temp_path run/s;
gzip off; gzip_vary off; gzip_proxied off; gzip_min_length 1; gzip_comp_level 1; gzip_types text/css;
set_real_ip_from 10.0.0.1; real_ip_header X-Real-IP; real_ip_recursive off;
proxy_http_version 1.0; proxy_set_header X-Mine yes; proxy_read_timeout 1s; proxy_send_timeout 1s;
proxy_next_upstream off;
map $http_upgrade $connection_upgrade { default mine; }
map $http_host $app_host { default mine; }
types { text/mine txt; }
server {
    listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>;
    location / { proxy_pass http://appserver; }
}
";

#[test]
fn one_that_sets_everything_itself_is_obeyed() {
    let bench = Bench::new().file("nginx.conf.erb", SETS_EVERYTHING);
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    bench.get("/");
    assert_eq!(app.last().header("x-mine"), Some("yes"));
    // What it does not say of the client is said all the same.
    assert_eq!(app.last().header("x-forwarded-proto"), Some("http"));
    assert!(bench.get("/").header("server").unwrap().starts_with("nginx/"));
}

#[test]
fn one_that_sets_no_headers_inherits_good_ones() {
    let template = "server {\n listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>;\n location / { proxy_pass http://appserver; }\n}\n";
    let bench = Bench::new().file("nginx.conf.erb", template);
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    bench.ask(&["GET / HTTP/1.0"], b"");
    assert_eq!(app.last().header("host"), Some("app-me.example.com"));
    assert_eq!(app.last().header("x-forwarded-proto"), Some("http"));
}

#[test]
fn it_is_rendered_anew_each_time() {
    let template = "server { listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>; return 200 \"<%= ENV['WORD'] %>\"; }\n";
    let bench = Bench::new().file("nginx.conf.erb", template).set("WORD", "one");
    let configure = |bench: &Bench| bench.nginx().configure(&bench.site()).unwrap();
    assert_eq!(configure(&bench), Change::Some);
    assert_eq!(configure(&bench), Change::Some, "nobody has read it yet");
    bench.nginx().has_obeyed();
    assert_eq!(configure(&bench), Change::None);
    let bench = bench.set("WORD", "two");
    assert_eq!(configure(&bench), Change::Some);
    std::fs::remove_file(bench.repo.join("nginx.conf.erb")).unwrap();
    assert_eq!(configure(&bench), Change::Some, "our own server block is back");
}

/// What is said of a template, without this gear's paths.
fn said_of(template: &str) -> String {
    let bench = Bench::new().file("nginx.conf.erb", template).set("TWO_LINES", "# a\n# b");
    let error = bench.nginx().configure(&bench.site()).unwrap_err();
    assert!(!layout::stage(&bench.dir).exists());
    assert!(!layout::main_file(&bench.dir).exists(), "nothing was put in place");
    error.to_string().replace(bench.repo.as_str(), "REPO")
}

#[test]
fn every_mistake_is_told_with_the_line_of_the_template() {
    let templates = [
        "# fine\n<%= ENV['TWO_LINES'] %>\nserver { rot /x; }\n",
        "server {\n  listen 127.0.0.1:1\n}\n",
        "server {\n  location / {\n    return 200;\n}\n",
        "server { }\n}\n",
        "\nworker_processes 4;\n",
        "server {\n  root /a;\n  root /b;\n}\n",
        "include missing.conf;\n",
        "\nserver { listen 192.0.2.1:8080; }\n",
        "upstream appserver { server 127.0.0.1:1; }\nupstream appserver { server 127.0.0.1:1; }\n",
        "\naccess_log /nonexistent/log;\n",
    ];
    let said: Vec<String> = templates.iter().map(|template| said_of(template)).collect();
    insta::assert_snapshot!(said.join("\n\n").replace(&conf_next(&said), "CONF"));
}

/// The staging directory as nginx's own words name it.
fn conf_next(said: &[String]) -> String {
    let mut words = said.iter().flat_map(|text| text.split(['"', ' ']));
    let path = words.find_map(|word| Some(word.split_once("/missing.conf")?.0));
    path.filter(|path| !path.is_empty()).expect("one of them names it").to_owned()
}

#[test]
fn a_mistake_in_an_included_file_is_told_there() {
    let bench = Bench::new()
        .file("nginx.conf.erb", "include <%= ENV['OPENSHIFT_REPO_DIR'] %>more.conf;\n")
        .file("more.conf", "\n\ngzip on;\n");
    let error = bench.nginx().configure(&bench.site()).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!(
            "{}more.conf:3: nginx says: \"gzip\" directive is duplicate\n",
            bench.env.get("OPENSHIFT_REPO_DIR").unwrap().to_str().unwrap()
        )),
        "{error}"
    );
}

#[test]
fn what_nginx_must_not_be_shown_is_told_before_it_is() {
    let said: Vec<String> = [
        "# fine\nserver {\n  include nginx.server.conf;\n}\n",
        "include <%= ENV['OPENSHIFT_REPO_DIR'] %>nginx.conf.erb;\n",
        "include nginx.conf;\n",
        "include <%= ENV['OPENSHIFT_ADVANCED_PYTHON_DIR'] %>conf/../conf.next/nginx.conf;\n",
        "include <%= ENV['OPENSHIFT_REPO_DIR'] %>parts/*.pipe;\n",
        "include <%= ENV['OPENSHIFT_REPO_DIR'] %>parts;\n",
        "include <%= ENV['OPENSHIFT_REPO_DIR'] %>parts/a.conf;\n",
        "include <%= ENV['OPENSHIFT_REPO_DIR'] %>parts/to-pipe.conf;\n",
    ]
    .map(|template| {
        let bench = Bench::new().file("nginx.conf.erb", template).file("parts/x.txt", "");
        let repo = bench.repo.as_str();
        for (file, text) in [
            ("parts/a.conf", "\ninclude REPO/parts/b.conf;\n"),
            ("parts/b.conf", "include REPO/parts/a.conf;\n"),
            ("parts/to-pipe.conf", "server {\n include REPO/parts/x.pipe;\n}\n"),
        ] {
            bench.write(file, &text.replace("REPO", repo));
        }
        let pipe = bench.repo.join("parts/x.pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, pipe.as_str(), 0o600.into()).unwrap();
        let error = bench.nginx().configure(&bench.site()).unwrap_err().to_string();
        error.replace(bench.dir.path().as_str(), "DIR").replace(repo, "REPO")
    })
    .to_vec();
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn what_is_included_twice_or_is_no_file_that_could_be_read_is_nginxs_business() {
    let server = "server { listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>; include REPOp.conf; location / { include REPOp.conf; include /dev/null; include REPO*.none; } }\n";
    let template = server.replace("REPO", "<%= ENV['OPENSHIFT_REPO_DIR'] %>");
    let bench = Bench::new().file("nginx.conf.erb", &template).file("p.conf", "root /srv;\n");
    bench.nginx().configure(&bench.site()).unwrap();
}

#[test]
fn a_template_that_became_wrong_leaves_what_is_in_place() {
    let bench = Bench::new();
    let _app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    let before = files::read(&layout::main_file(&bench.dir)).unwrap();
    bench.write("nginx.conf.erb", "nonsense;\n");
    assert!(bench.nginx().prepare(&bench.site()).is_err());
    assert_eq!(files::read(&layout::main_file(&bench.dir)).unwrap(), before);
    assert_eq!(bench.get("/x").status(), 200);
}

#[test]
fn one_that_passes_nothing_to_the_second_server_is_known_by_all_of_its_files() {
    let bench = Bench::new().file("parts/server.conf", "");
    let socket = bench.dir.run().join("websocketserver.sock");
    let upstream = Upstream { sockets: vec![socket], connections: Connections::Pooled };
    let at = FolderPath::parse("/ws/").unwrap();
    let mut site = bench.site();
    site.websocketserver = Some(WebsocketServer { at, upstream });
    let reached = || {
        let stage = bench.nginx().prepare(&site).unwrap();
        let reached = bench.nginx().reaches_second_server(&stage).unwrap();
        stage.promote().unwrap();
        reached
    };
    assert!(reached(), "by ours");
    let server = FOR_THE_ORIGINAL.split_once("\nserver {").unwrap().1;
    let including = "include <%= ENV['OPENSHIFT_REPO_DIR'] %>parts/*.conf;\n    location / {";
    let including = format!("server {{{}", server.replace("location / {", including));
    for (part, is_reached) in [
        ("", false),
        ("location /ws { proxy_pass http://appserver; } # not $appserver", false),
        ("location /ws { proxy_pass http://websocketserver; }", true),
        ("location /ws { proxy_pass http://$appserver; }", true),
    ] {
        bench.write("parts/server.conf", &format!("{part}\n"));
        bench.write("nginx.conf.erb", &including);
        assert_eq!(reached(), is_reached, "{part}");
        // Also where nothing changes, so that nothing is written.
        assert_eq!(reached(), is_reached, "{part}");
    }
}

#[test]
fn one_that_does_not_speak_of_it_tells_whether_it_is_ready_all_the_same() {
    let server = "server { listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= \
                  ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>;\nlocation / { return 418; }";
    let bench = Bench::new().file("nginx.conf.erb", &format!("{server}\n}}\n"));
    let status = || [health::LIVE, health::READY, "/x"].map(|path| bench.get(path).status());
    let nginx = bench.serve();
    assert_eq!(status(), [200, 503, 418]);
    files::write_atomic(&bench.dir.ready_file(), b"", 0o600).unwrap();
    assert_eq!(status(), [200, 200, 418]);
    drop(nginx);
    // What it says itself counts.
    let own = format!("{server}\nlocation = {} {{ return 410; }}\n}}\n", health::READY);
    bench.write("nginx.conf.erb", &own);
    let _nginx = bench.serve();
    assert_eq!(status(), [200, 410, 418]);
}
