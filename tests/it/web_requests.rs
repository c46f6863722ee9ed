//! What any request to the portal meets before a page is drawn: host, origin, token, limits, headers.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vestibule::web::routes::{Guard, table};

use super::openldap;
use crate::support::appliance::Appliance;
use crate::support::browser::Browser;
use crate::support::in_time;
use crate::support::ldap::handshake;

#[tokio::test]
async fn every_route_is_guarded() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let page = browser.get("/sign-in").await;
    let csrf = format!("csrf={}", page.csrf());
    for route in table() {
        let path = route.path.replace("{id}", "00000000-0000-7000-8000-000000000000");
        let method = route.method.as_str();
        if method == "POST" {
            // Whoever has no token changes nothing, at any route.
            let page = browser.post(&path, "a=b").await;
            assert_eq!((page.status, page.says("open for too long")), (403, true), "{path}");
        }
        if route.guard == Guard::Anyone {
            continue;
        }
        let page = if method == "POST" {
            browser.post(&path, &csrf).await
        } else {
            browser.request("GET", &path, &[], "").await
        };
        let to = page.header("location").unwrap_or_default();
        assert!(page.status == 303 && to.starts_with("/sign-in"), "{method} {path}: {} {to}", page.status);
    }
}

#[tokio::test]
async fn r50_a_host_that_is_not_ours_is_refused_and_never_repeated() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut browser = Browser::at(&appliance);
    for host in ["evil.test", "localhost.evil.test", "127.0.0.1", "localhost@evil.test", ""] {
        browser.host = host.to_owned();
        let page = browser.request("GET", "/sign-in", &[("X-Forwarded-Host", "evil.test")], "").await;
        assert_eq!(page.status, if host.is_empty() { page.status } else { 421 }, "{host}");
        assert!(page.status >= 400 && !page.body.contains("evil"), "{host}: {}", page.body);
    }
    browser.host = "LOCALHOST:1".to_owned();
    let page = browser.request("GET", "/sign-in", &[("X-Forwarded-Host", "evil.test")], "").await;
    assert!(page.status == 200 && !page.body.contains("evil"), "another port is a forwarded one");
}

#[tokio::test]
async fn r49_a_form_needs_our_origin_and_this_browsers_token() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let page = browser.get("/sign-in").await;
    let form = format!("csrf={}&name=a&password=b", page.csrf());
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    for foreign in [("Origin", "https://evil.test"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")] {
        let page = browser.request("POST", "/sign-in", &[kind, foreign], &form).await;
        assert_eq!((page.status, page.says("did not come from our own page")), (403, true), "{foreign:?}");
    }
    let page = browser.request("POST", "/sign-in", &[("Content-Type", "text/plain")], &form).await;
    assert_eq!(page.status, 403, "a form that another site can send without asking");
    let mut other = Browser::at(&appliance);
    other.get("/sign-in").await;
    let page = other.post("/sign-in", &form).await;
    assert_eq!((page.status, page.says("open for too long")), (403, true), "another browser's token");
    assert_eq!(appliance.recorded().await, Vec::<String>::new(), "nobody was asked for anything");
    let page = browser.request("GET", "/sign-out", &[], "").await;
    assert_eq!(page.status, 404, "nothing is changed by a GET");
}

#[tokio::test]
async fn r48_cookies_belong_to_this_host_alone_and_pages_carry_the_strict_headers() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let page = browser.request("GET", "/sign-in", &[], "").await;
    let cookie = page.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("__Host-visitor=") && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    for path in ["/sign-in", "/nowhere", "/home"] {
        let page = browser.request("GET", path, &[], "").await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert!(page.header("strict-transport-security").is_some());
        assert!(page.header("access-control-allow-origin").is_none());
    }
    let page = browser.get("/sign-in").await;
    for asset in page.body.split("=\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let found = browser.get(&format!("/assets/{asset}")).await;
        assert_eq!(found.status, 200, "{asset}");
        assert!(found.header("cache-control").unwrap().contains("immutable"), "{asset}");
    }
    assert_eq!(browser.get("/assets/../Cargo.toml").await.status, 404);
}

#[tokio::test]
async fn a_body_over_the_limit_and_one_that_never_ends_are_cut_off() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).set("web.request_timeout", "\"1s\"").await;
    let mut browser = Browser::at(&appliance);
    let page = browser.get("/sign-in").await;
    let large = format!("csrf={}&name={}", page.csrf(), "a".repeat(70_000));
    let page = browser.post("/sign-in", &large).await;
    assert_eq!((page.status, page.says("too much at once")), (413, true));

    // Slow-loris: the head, or the body, comes byte by byte or not at all.
    let head = format!("POST /sign-in HTTP/1.1\r\nHost: {}\r\n", browser.host);
    let promised =
        format!("{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ncsrf=");
    for begun in [head, promised] {
        let stream = TcpStream::connect(appliance.web_addr).await.unwrap();
        let mut stream = handshake(stream, appliance.web_addr.ip(), browser.ca()).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut answer = vec![];
        let _ = in_time("an end", stream.read_to_end(&mut answer)).await;
        assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"), "{begun}");
    }
    let silent = TcpStream::connect(appliance.web_addr).await.unwrap();
    in_time("a handshake that never comes is given up", async {
        let mut silent = silent;
        let _ = silent.read(&mut [0; 1]).await;
    })
    .await;
    assert_eq!(browser.get("/sign-in").await.status, 200, "others are served");
}

#[tokio::test]
async fn plain_http_only_sends_on_to_https() {
    let slapd = openldap();
    let address = crate::support::slapd::free_port("127.0.0.1".parse().unwrap());
    let appliance = Appliance::before(&slapd).set("web.listen_plain", &format!("[\"{address}\"]")).await;
    let ask = async |request: String| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        in_time("an answer", stream.read_to_string(&mut answer)).await.unwrap();
        answer.to_lowercase()
    };
    let to = format!("location: https://localhost:{}/enrol?a=b\r\n", appliance.web_addr.port());
    let get = |host: &str| format!("GET /enrol?a=b HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = ask(get("localhost")).await;
    assert!(answer.starts_with("http/1.1 308") && answer.contains(&to), "{answer}");
    let answer = ask(get("evil.test")).await;
    assert!(answer.starts_with("http/1.1 421") && !answer.contains("evil"), "{answer}");
    let post =
        "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\na".to_owned();
    assert!(ask(post).await.starts_with("http/1.1 403"), "a password in the clear is not asked for again");
}

#[tokio::test]
async fn a_connection_under_way_may_finish_when_the_process_stops() {
    let slapd = openldap();
    let mut appliance = Appliance::before(&slapd).await;
    let browser = Browser::at(&appliance);
    let stream = TcpStream::connect(appliance.web_addr).await.unwrap();
    let mut stream = handshake(stream, appliance.web_addr.ip(), browser.ca()).await.unwrap();
    let request = format!("GET /sign-in HTTP/1.1\r\nHost: {}\r\n", browser.host);
    stream.write_all(request.as_bytes()).await.unwrap();
    let status = tokio::time::timeout(Duration::from_secs(20), appliance.stop()).await;
    assert!(status.unwrap().success(), "an idle browser does not keep the process");
}
