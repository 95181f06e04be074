//! The box.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::legs::STRANGE;
use crate::line::{self, Line, Place};

const SIP: u16 = 26_060;
const PAGES: u16 = 26_061;
const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const PASSWORD: &str = "a browser and a phone";

pub struct Branch {
    process: Child,
    folder: PathBuf,
    place: Place,
}

impl Branch {
    /// One that knows so many browsers, and a desk phone for each.
    pub fn start(count: usize) -> Branch {
        let folder = std::env::temp_dir().join(format!("browser-branch-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let at = folder.display();
        let text = format!(
            "[site]\ndata_dir = \"{at}/data\"\n[admin]\nsocket = \"{at}/admin.sock\"\n\
             [sip]\nudp = [\"127.0.0.1:{SIP}\"]\ntcp = []\ntls = []\ndigests = [\"md5\"]\n\
             [http]\nlisten = [\"127.0.0.1:{PAGES}\"]\n[log]\nlevel = \"error\"\n\
             [media]\nport_min = 10000\nport_max = 19999\n{}",
            line::extensions(count, &format!("{at}/secret"))
        );
        std::fs::write(folder.join("secret"), PASSWORD).expect("a password");
        let config = folder.join("gateway.toml");
        std::fs::write(&config, text).expect("its configuration");
        let mut command = Command::new("taskset");
        command.args(["-c", "0,1", env!("CARGO_BIN_EXE_branchline"), "run", "-c"]).arg(&config);
        let process =
            command.stderr(Stdio::null()).spawn().expect("taskset (util-linux) and the box");
        let at = |port| SocketAddr::from((HERE, port));
        let place = Place { sip: at(SIP), pages: at(PAGES), password: PASSWORD };
        let branch = Branch { process, folder, place };
        line::register_phones(place, HERE.into(), count, STRANGE);
        branch
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The browsers' way in.
    pub async fn line(&self) -> Line {
        Line::open(self.place, 0).await
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
