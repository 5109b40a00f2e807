//! How is the machine kept from sleeping while a run computes? By the system's own program, for as long as its input
//! stays open: it ends with this value, and with this process however that ends.

use std::process::{Child, Command, Stdio};

/// The machine stays awake while this lives.
pub(super) struct Awake(Child);

impl Awake {
    /// Nothing where the system has no such program or refuses it.
    pub(super) fn begin() -> Option<Self> {
        let mut command = if cfg!(target_os = "macos") {
            let mut command = Command::new("caffeinate");
            command.args(["-i", "cat"]);
            command
        } else if cfg!(target_os = "linux") {
            let mut command = Command::new("systemd-inhibit");
            command.args(["--what=idle:sleep", "--who=Eyewright", "--why=A model is being trained", "cat"]);
            command
        } else {
            return None;
        };
        Self::of(&mut command)
    }

    fn of(command: &mut Command) -> Option<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok().map(Self)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_program_lives_as_long_as_the_value() {
        let folder = tempfile::tempdir().unwrap();
        let ended = folder.path().join("ended");
        let script = format!("cat; touch '{}'", ended.display());
        let awake = Awake::of(Command::new("sh").args(["-c", &script])).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!ended.exists());
        drop(awake);
        assert!(ended.exists());
        assert!(Awake::of(&mut Command::new("/no/such/program")).is_none());
    }
}
