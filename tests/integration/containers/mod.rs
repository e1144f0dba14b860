//! What runs in containers. `cargo xtask test` leaves these out where the machine runs none, and says why.

mod image;
mod migrated;
mod pasted;
mod pods;
mod s2i;

use tests::containers::{Container, Image, base, buildah};

/// The helper itself: what its conditions are, seen from inside.
#[test]
fn a_container_of_the_tests_may_do_little() {
    const SERVER: &str = "import http.server as h, os
class H(h.BaseHTTPRequestHandler):
    def do_GET(self):
        try: open('/opt/x', 'w'); wrote = True
        except OSError: wrote = False
        status = open('/proc/self/status').read()
        caps = [l.split()[1] for l in status.splitlines() if l.startswith(('CapEff', 'NoNewPrivs'))]
        self.send_response(200); self.end_headers()
        self.wfile.write(repr((os.getuid(), os.getgid(), wrote, caps)).encode())
h.HTTPServer(('0.0.0.0', 8080), H).serve_forever()";
    let image = Image::named("helper");
    let from = buildah(&["from", "scratch"]);
    buildah(&["add", "--quiet", &from, base().as_str(), "/"]);
    buildah(&["commit", "--rm", "--quiet", &from, image.name()]);
    let container = Container::start(image.name(), &[], &["python3", "-c", SERVER]);
    let answer = container.get("/").body;
    assert_eq!(answer, "(1000670000, 0, False, ['0000000000000000', '1'])");
}
