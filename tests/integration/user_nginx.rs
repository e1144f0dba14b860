//! The user's own nginx.conf.erb.

use cart_test::{get, raw};

use crate::cartridge::{example, fixture, running};

/// As one was written for the original cartridge.
pub(crate) const ORIGINAL: &str = r#"
server {
    listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>;
    root <%= ENV['OPENSHIFT_REPO_DIR'] %>public;
    add_header X-Mine "<%= ENV['MY_HEADER'] || 'default' %>";

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
"#;

#[test]
fn one_written_for_the_original_cartridge_works_unchanged() {
    let gear = running(&fixture("mirror"), &[]);
    gear.write("nginx.conf.erb", ORIGINAL);
    gear.control("reload").done();
    let answer = get(gear.address(), "/");
    assert_eq!((answer.body.as_str(), answer.header("x-mine")), ("mirror", Some("default")));
    assert_eq!(get(gear.address(), "/static.txt").body, "static\n");
    let cookies = "GET /request HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\
                   Cookie: a=1\r\nX-Other: 1\r\nCookie: b=2\r\n\r\n";
    let seen = raw(gear.address(), cookies.as_bytes());
    assert!(seen.contains("HTTP_COOKIE=a=1; b=2\n"), "{seen}");

    // It is rendered anew at each reload, with the variables of that time.
    gear.set("MY_HEADER", "changed");
    gear.control("reload").done();
    assert_eq!(get(gear.address(), "/").header("x-mine"), Some("changed"));
}

#[test]
fn a_mistake_is_told_with_its_line_and_what_ran_still_runs() {
    let gear = running(&fixture("mirror"), &[]);
    for (config, words) in [
        (
            ORIGINAL.replace("proxy_redirect off", "proxy_redirrect off"),
            ["nginx.conf.erb:18", "proxy_redirrect"],
        ),
        (
            ORIGINAL.replace("ENV['MY_HEADER']", "nothing_of_that_name"),
            ["nginx.conf.erb:5", "nothing_of_that_name"],
        ),
        (ORIGINAL.replace("ENV['MY_HEADER']", "`id`"), ["nginx.conf.erb:5", "backtick"]),
        (
            "server { listen 127.0.0.1:1; }".to_owned(),
            ["nginx.conf.erb", "no server in it listens"],
        ),
        ("# nothing\n".to_owned(), ["nginx.conf.erb", "no server in it listens"]),
    ] {
        gear.write("nginx.conf.erb", &config);
        for action in ["reload", "restart", "start", "update-configuration"] {
            gear.control(action).failed_saying(&words);
            assert_eq!(get(gear.address(), "/").body, "mirror");
        }
    }
}

#[test]
fn the_example_of_a_custom_configuration_works() {
    let gear = running(&example("custom-nginx"), &[]);
    assert_eq!(get(gear.address(), "/health").body, "1");
    let moved = get(gear.address(), "/old/news");
    assert!((301..=308).contains(&moved.status), "{moved:?}");
    let asset = get(gear.address(), "/assets/style.1.css");
    assert!(asset.header("cache-control").unwrap().contains("max-age="), "{asset:?}");
}

#[test]
fn the_sample_of_the_welcome_app_is_valid() {
    let gear = running(&example("welcome"), &[]);
    let sample = std::fs::read_to_string(gear.repo().join("nginx.conf.erb.sample")).unwrap();
    gear.write("nginx.conf.erb", &sample);
    gear.control("reload").done();
    assert_eq!(get(gear.address(), "/health").body, "1");
    assert_eq!(get(gear.address(), "/robots.txt").status, 200);
}
