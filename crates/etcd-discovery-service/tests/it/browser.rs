//! The page of a token, in headless Chromium.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use etcd_it::{DEADLINE, foreign};
use etcd_testkit::wait_until;

use crate::service::Service;

/// Where screenshots stay.
fn output() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// A headless browser.
fn browser(chromium: &Path, profile: &str) -> Command {
    let mut command = Command::new(chromium);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--hide-scrollbars", "--force-prefers-reduced-motion"])
        .arg(format!("--user-data-dir={profile}"));
    command
}

/// Opens `url`; what the page has become, and a screenshot in a window of this size.
fn open(chromium: &Path, service: &Service, url: &str, name: &str, size: &str) -> String {
    let profile = service.scratch.text(&format!("profile-{name}"));
    let shot = output().join(format!("{name}.png"));
    let _old = std::fs::remove_file(&shot);
    let run = |action: &str| {
        let window = format!("--window-size={size}");
        let output =
            browser(chromium, &profile).args(["--timeout=4000", &window, action, url]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&format!("--screenshot={}", shot.display()));
    let bytes = std::fs::metadata(&shot).unwrap_or_else(|error| panic!("{}: {error}", shot.display())).len();
    assert!(bytes > 5000, "a picture of something: {bytes} bytes in {}", shot.display());
    run("--dump-dom")
}

#[test]
fn a_browser_sees_who_has_registered_and_what_comes_next() {
    let Some(chromium) = foreign("chromium") else { return };
    let service = Service::start(&[]);
    let token = service.token("?size=3");
    let form = |name: &str, host: &str| Some(format!("value={name}%3Dhttp%3A%2F%2F{host}%3A2380"));
    for (id, name, host) in
        [("8e9e05c52164694d", "infra0", "10.0.1.10"), ("794aea3ba77a1d64", "infra1", "10.0.1.11")]
    {
        let path = format!("{token}/{id}?prevExist=false");
        assert_eq!(service.send("PUT", &path, form(name, host).as_deref()).status, 201);
    }
    let url = format!("{}{token}", service.url);
    let waiting = open(&chromium, &service, &url, "waiting", "390,844");
    for text in [
        "2 of 3 members registered",
        "http://10.0.1.11:2380",
        "etcd --name infra2 ",
        &format!("--discovery {url}"),
    ] {
        assert!(waiting.contains(text), "{text} is not in\n{waiting}");
    }
    // The script has run: it was not kept out by our own policy.
    assert!(waiting.contains("title=\"20"), "the script dresses times\n{waiting}");

    // Somebody who tries to put markup on the page.
    let evil = "%3Cimg%20src=x%20onerror=document.title=1%3E=http://%3Cb%3Ex";
    service.send("PUT", &format!("{token}/1?prevExist=false"), Some(&format!("value={evil}")));
    let full = open(&chromium, &service, &url, "full", "1100,900");
    assert!(full.contains("All 3 members registered") && !full.contains("<img"), "{full}");
    assert!(full.contains("<title>3 of 3 members</title>"), "{full}");
    let home = open(&chromium, &service, &service.url, "home", "390,844");
    assert!(home.contains("/new?size=3"), "{home}");
}

/// The open page follows: nobody loads it again. The browser's clock stands still while a request is open, so that it
/// shows the page once there is nothing more to wait for.
#[test]
fn an_open_page_shows_the_next_member() {
    let Some(chromium) = foreign("chromium") else { return };
    let service = Service::start(&[]);
    let token = service.token("?size=1");
    let url = format!("{}{token}", service.url);
    let profile = service.scratch.text("profile-live");
    let mut command = browser(&chromium, &profile);
    command.args(["--virtual-time-budget=60000", "--dump-dom", &url]);
    let mut open = Open(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let follows = wait_until("the page to wait for members", DEADLINE, || {
        let metrics = service.send("GET", "/metrics", None).body;
        if metrics.contains("etcd_discovery_waits 1") { Ok(()) } else { Err(metrics) }
    });
    follows.unwrap_or_else(|error| panic!("{error}"));
    let member = format!("{token}/8e9e05c52164694d?prevExist=false");
    let form = Some("value=infra0%3Dhttp%3A%2F%2F10.0.1.10%3A2380");
    assert_eq!(service.send("PUT", &member, form).status, 201);
    let ended = wait_until("the page to be shown", DEADLINE, || {
        open.0.try_wait().unwrap().ok_or_else(|| "it waits".to_owned())
    });
    assert!(ended.is_ok_and(|status| status.success()));
    let mut page = String::new();
    open.0.stdout.take().unwrap().read_to_string(&mut page).unwrap();
    assert!(page.contains("The only member registered") && page.contains("infra0"), "{page}");
}

/// A browser that is ended with the test.
struct Open(Child);

impl Drop for Open {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _collected = self.0.wait();
    }
}

/// What a browser without JavaScript goes by, and what keeps strangers' scripts out.
#[test]
fn the_page_needs_no_script_and_allows_no_other() {
    let service = Service::start(&[]);
    let token = service.token("");
    let page = service.page(&token);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(page.body.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"));
    assert!(!page.body.contains("style=") && !page.body.contains("onclick="), "nothing inline");
    let json = service.send("GET", &token, None);
    assert_eq!(json.header("content-type"), Some("application/json"), "the same address for members");
    let unknown = service.page(&format!("/{}", "0".repeat(32)));
    assert!(unknown.status == 404 && unknown.body.contains("No such token"));
    let made = service.page("/new?size=5");
    assert_eq!(made.status, 303);
    assert!(service.page(made.header("location").unwrap()).body.contains("0 of 5 members registered"));
}
