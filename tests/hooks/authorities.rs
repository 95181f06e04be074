//! `branchline check` says what is wrong with a file of authorities.

use std::path::Path;
use std::process::Command;

/// What the check says of a configuration whose webhook names this file; and whether it is good.
fn check(folder: &Path, file: &str) -> (bool, String) {
    let path = folder.join(file);
    let text = format!(
        "[[webhook]]\nname = \"desk\"\nurl = \"https://desk.example.com/in\"\nevents = [\"*\"]\n\
         secret = {{ file = \"{}\" }}\nauthorities = \"{}\"\n",
        folder.join("secret").display(),
        path.display()
    );
    let config = folder.join("gateway.toml");
    std::fs::write(&config, text).expect("the configuration");
    let output = Command::new(env!("CARGO_BIN_EXE_branchline"))
        .args(["check", "-c"])
        .arg(&config)
        .output()
        .expect("the command line runs");
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(told).expect("text"))
}

/// A certificate that ends with this year.
fn ends(year: i32) -> String {
    let mut params =
        rcgen::CertificateParams::new(vec!["desk.example.com".to_owned()]).expect("a name");
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").pem()
}

#[test]
fn a_file_of_authorities_that_proves_nobody_is_told_with_its_place() {
    let folder =
        std::env::temp_dir().join(format!("branchline-authorities-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    write("secret", crate::receiver::NEW);
    write("good", &ends(2999));
    write("text", "this is no certificate");
    write("empty", "");
    write("torn", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write("old", &ends(2020));
    write("some", &format!("{}{}", ends(2020), ends(2999)));
    let (good, told) = check(&folder, "good");
    assert!(good, "{told}");
    let cases = [
        ("absent", "cannot be read: No such file"),
        ("text", "no certificate or key in PEM form"),
        ("empty", "no certificate or key in PEM form"),
        ("torn", "torn"),
        ("old", "has expired, on 2020-01-01"),
    ];
    for (file, words) in cases {
        let (good, told) = check(&folder, file);
        assert!(!good && told.contains(words), "{file}: {told}");
        assert!(told.contains("gateway.toml:6:"), "{file}: line and column: {told}");
    }
    let (good, told) = check(&folder, "some");
    assert!(good && told.contains("has expired"), "one of two is a warning: {told}");
    std::fs::remove_dir_all(folder).expect("the folder");
}
