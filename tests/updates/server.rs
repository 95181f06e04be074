//! A server of files over HTTP, which knows ranges, and can hang up in the middle of one.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

#[derive(Default)]
struct Inside {
    folder: PathBuf,
    /// Of a file whose name ends so, half is sent, once.
    cuts: Option<String>,
    asked: Vec<String>,
}

/// One that runs as long as the test.
pub struct Server {
    inside: Arc<Mutex<Inside>>,
    /// `[update] from`.
    pub url: String,
}

impl Server {
    pub fn start() -> Server {
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/branchline", door.local_addr().unwrap());
        let inside = Arc::new(Mutex::new(Inside::default()));
        let own = inside.clone();
        thread::spawn(move || {
            for line in door.incoming() {
                // Who hangs up early misses the answer.
                let _ = answer(line.unwrap(), &own);
            }
        });
        Server { inside, url }
    }

    /// What it has from now on.
    pub fn serves(&self, folder: PathBuf) {
        self.inside.lock().unwrap().folder = folder;
    }

    /// It hangs up in the middle of this file, once.
    pub fn cuts(&self, ending: &str) {
        self.inside.lock().unwrap().cuts = Some(ending.to_owned());
    }

    /// What it was asked for since this was called last: names, and from which byte on.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.inside.lock().unwrap().asked)
    }
}

fn answer(line: TcpStream, inside: &Mutex<Inside>) -> std::io::Result<()> {
    let mut lines = BufReader::new(line.try_clone()?).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    let headers: Vec<String> =
        lines.map_while(Result::ok).take_while(|header| !header.is_empty()).collect();
    let from = headers.iter().find_map(|header| {
        let from = header.to_lowercase();
        from.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse::<usize>().ok()
    });
    let path = first.split(' ').nth(1).unwrap_or_default();
    let name = path.strip_prefix("/branchline/").unwrap_or("nothing").to_owned();
    let mut inside = inside.lock().unwrap();
    let file = fs::read(inside.folder.join(&name));
    let cut = inside.cuts.take_if(|ending| name.ends_with(ending.as_str())).is_some();
    inside.asked.push(from.map_or(name.clone(), |from| format!("{name} from {from}")));
    drop(inside);
    let mut line = line;
    let Ok(file) = file else {
        return line.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    let (begins, all) = (from.unwrap_or(0), file.len());
    let status = match from {
        Some(from) => {
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{all}", all - 1)
        }
        None => "200 OK".to_owned(),
    };
    let length = all - begins;
    write!(line, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    line.write_all(&file[begins..if cut { begins + length / 2 } else { all }])
}
