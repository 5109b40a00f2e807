//! Where is a hub, what is a repository called, and which URL has its files?

use url::Url;

use crate::HubError;

/// The address of a hub or mirror; a key is sent to this place and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Url);

/// A repository at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// `owner/name`, or a name alone.
    pub(crate) name: String,
    /// Branch, tag or commit.
    pub(crate) revision: String,
}

impl Address {
    /// Reads an address such as `https://huggingface.co` or `http://models.example.org/hub/`.
    ///
    /// # Errors
    /// If it is no http(s) URL, or has more than host, port and path.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let fault = |problem: String| HubError::Address { address: text.to_owned(), problem };
        let url = Url::parse(text.trim()).map_err(|error| fault(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(fault("it must begin with https:// or http://".into()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fault("it must not contain a name or password; set a key instead".into()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fault("it must end with its host, port or path".into()));
        }
        Ok(Self(url))
    }

    /// The URL of something below the address; every part is escaped.
    pub(crate) fn below<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts);
        }
        url
    }

    /// Whether a URL is of the same scheme, host and port.
    pub(crate) fn owns(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    pub(crate) fn text(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

/// Whether others between here and there cannot read what is sent.
pub(crate) fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

pub(crate) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

impl Repository {
    /// Reads a name, or a page's address on the hub as it is copied from a browser.
    ///
    /// # Errors
    /// If it cannot be a repository or a revision.
    pub fn parse(text: &str, revision: Option<&str>) -> Result<Self, HubError> {
        let text = text.trim();
        let refused = || HubError::Name { name: text.chars().take(100).collect() };
        let mut name = text.trim_matches('/').to_owned();
        let mut in_page = None;
        if text.starts_with("https://") || text.starts_with("http://") {
            let page = Url::parse(text).map_err(|_| refused())?;
            let parts: Vec<&str> =
                page.path_segments().into_iter().flatten().filter(|p| !p.is_empty()).collect();
            name = parts.iter().take(2).copied().collect::<Vec<_>>().join("/");
            if let [_, _, "tree", revision, ..] = parts[..] {
                in_page = Some(revision.to_owned());
            }
        }
        let word = |part: &str| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            part.len() <= 96
                && part.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
                && part.bytes().all(letter)
                && !part.contains("..")
        };
        if name.split('/').count() > 2 || !name.split('/').all(word) {
            return Err(refused());
        }
        let given = revision.map(str::trim).filter(|revision| !revision.is_empty()).map(str::to_owned);
        let revision = given.or(in_page).unwrap_or_else(|| "main".to_owned());
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
        if revision.len() > 200
            || !revision.bytes().all(fine)
            || revision.split('/').any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(HubError::Revision { name: revision.chars().take(100).collect() });
        }
        Ok(Self { name, revision })
    }

    /// The last part of the name.
    pub(crate) fn last(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

impl std::fmt::Display for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_or_without_a_path() {
        for (text, expected) in [
            ("https://huggingface.co", "https://huggingface.co/api/a%2Fb"),
            ("https://models.example.org:8443/hub/", "https://models.example.org:8443/hub/api/a%2Fb"),
        ] {
            assert_eq!(Address::parse(text).unwrap().below(["api", "a/b"]).as_str(), expected);
        }
        for text in ["", "huggingface.co", "ftp://a", "https://me:key@a", "https://a/?b", "file:///etc"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_owns_its_scheme_host_and_port_alone() {
        let address = Address::parse("https://hub.test/mirror").unwrap();
        for (url, owned) in [
            ("https://hub.test/x", true),
            ("https://hub.test:443/x", true),
            ("http://hub.test/x", false),
            ("https://hub.test:444/x", false),
            ("https://cdn.hub.test/x", false),
            ("https://hub.test.evil.com/x", false),
        ] {
            assert_eq!(address.owns(&Url::parse(url).unwrap()), owned, "{url}");
        }
    }

    #[test]
    fn names_and_pages_are_understood_and_nothing_else() {
        for (text, revision, expected) in [
            ("openai/clip-vit-large-patch14-336", None, ("openai/clip-vit-large-patch14-336", "main")),
            (" gpt2 ", Some(" refs/pr/1 "), ("gpt2", "refs/pr/1")),
            ("https://huggingface.co/a/b/tree/v1/sub", None, ("a/b", "v1")),
            ("https://huggingface.co/a/b/", Some("c0ffee"), ("a/b", "c0ffee")),
        ] {
            let read = Repository::parse(text, revision).unwrap();
            assert_eq!((read.name.as_str(), read.revision.as_str()), expected);
        }
        for text in ["", "a/b/c", "../b", "a/..", "a b", "/etc/passwd/x", "a/b?x", ".a/b", "https://x/"] {
            assert!(Repository::parse(text, None).is_err(), "{text}");
        }
        for revision in ["../main", "a//b", "a b", "%2e", "/"] {
            assert!(Repository::parse("a/b", Some(revision)).is_err(), "{revision}");
        }
    }
}
