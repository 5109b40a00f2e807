//! Who may speak with the server? Host, Origin and secrets, checked before a body is read.

use crate::http::Head;

/// Why a request is turned away: status and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u16, pub(crate) &'static str);

/// The name in a `Host` header must be a loopback one; the port may be a tunnel's.
pub(crate) fn check_host(head: &Head) -> Result<&str, Refused> {
    let wrong = Refused(403, "the Host header must name localhost, 127.0.0.1 or [::1]");
    let mut hosts = head.all("host");
    let host = hosts.next().ok_or(wrong)?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let known = ["localhost", "127.0.0.1", "[::1]"].contains(&name.to_ascii_lowercase().as_str());
    if known && hosts.next().is_none() { Ok(host) } else { Err(wrong) }
}

/// A page that sends a request must be our own: of the same host and port.
pub(crate) fn check_origin(head: &Head, host: &str) -> Result<(), Refused> {
    let wrong = Refused(403, "requests from other pages are refused");
    let own = format!("http://{host}");
    if head.all("origin").any(|origin| !origin.eq_ignore_ascii_case(&own)) {
        return Err(wrong);
    }
    // Newer browsers say so of requests without an Origin too, such as an image in a foreign page.
    match head.get("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(wrong),
    }
}

/// Only JSON is read, which no form of a foreign page can send without being asked first.
pub(crate) fn check_json(head: &Head) -> Result<(), Refused> {
    let kind = head.get("content-type").unwrap_or_default();
    let plain = kind.split(';').next().unwrap_or_default().trim();
    if plain.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Refused(415, "the Content-Type must be application/json"))
    }
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
pub(crate) fn same_secret(given: &str, expected: &str) -> bool {
    let (given, expected) = (given.as_bytes(), expected.as_bytes());
    let pairs = given.iter().zip(expected);
    let differs = pairs.fold(0, |sum, (one, other)| sum | (one ^ other));
    !expected.is_empty() && given.len() == expected.len() && std::hint::black_box(differs) == 0
}

/// The value of a cookie.
pub(crate) fn cookie<'h>(head: &'h Head, name: &str) -> Option<&'h str> {
    let mut pairs = head
        .all("cookie")
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> Head {
        let headers = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Head { headers: headers.collect(), ..Head::default() }
    }

    #[test]
    fn only_loopback_names_pass() {
        for host in ["localhost", "localhost:80", "127.0.0.1:8640", "[::1]:9", "LOCALHOST:1", "[::1]"] {
            assert_eq!(check_host(&headers(&[("host", host)])), Ok(host));
        }
        let names = [
            "",
            "evil.com",
            "evil.com:8640",
            "localhost.evil.com",
            "127.0.0.1.nip.io",
            "127.0.0.2",
            "0.0.0.0:1",
            "10.0.0.1",
            "localhost:80:80",
            "localhost:x",
            "user@localhost",
            "::1",
            "localhost.",
            "2130706433",
            "127.1",
            "xlocalhost",
        ];
        for host in names {
            assert!(check_host(&headers(&[("host", host)])).is_err(), "{host}");
        }
        assert!(check_host(&headers(&[])).is_err());
        assert!(check_host(&headers(&[("host", "localhost"), ("host", "evil.com")])).is_err());
    }

    #[test]
    fn only_our_own_page_passes() {
        let host = "localhost:8640";
        let good = [None, Some("http://localhost:8640")];
        for origin in good {
            let given = origin.map(|origin| ("origin", origin));
            assert!(check_origin(&headers(given.as_slice()), host).is_ok(), "{origin:?}");
        }
        let bad = [
            "null",
            "http://localhost",
            "http://localhost:8641",
            "https://localhost:8640",
            "http://evil.com",
            "http://127.0.0.1:8640",
            "http://localhost:8640.evil.com",
            "http://localhost:8640/",
            "file://",
            "",
        ];
        for origin in bad {
            assert!(check_origin(&headers(&[("origin", origin)]), host).is_err(), "{origin}");
        }
        for (site, good) in
            [("same-origin", true), ("none", true), ("cross-site", false), ("same-site", false)]
        {
            assert_eq!(check_origin(&headers(&[("sec-fetch-site", site)]), host).is_ok(), good, "{site}");
        }
    }

    #[test]
    fn forms_are_not_json() {
        for (kind, good) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("text/plain; application/json", false),
            ("application/jsonp", false),
        ] {
            assert_eq!(check_json(&headers(&[("content-type", kind)])).is_ok(), good, "{kind}");
        }
        assert!(check_json(&headers(&[])).is_err());
    }

    #[test]
    fn secrets_and_cookies() {
        assert!(same_secret("abc", "abc") && !same_secret("abd", "abc") && !same_secret("ab", "abc"));
        assert!(!same_secret("", ""));
        let given = headers(&[("cookie", "a=1; eyewright-5=x=y"), ("cookie", "b=2")]);
        assert_eq!(cookie(&given, "eyewright-5"), Some("x=y"));
        assert_eq!((cookie(&given, "b"), cookie(&given, "eyewright")), (Some("2"), None));
    }
}
