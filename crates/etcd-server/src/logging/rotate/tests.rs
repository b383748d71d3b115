use std::fs;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use flate2::read::GzDecoder;

use super::{RotatingFile, Rotation, parts, set_aside, tidy};

fn rotation(json: &str) -> Result<Rotation, String> {
    Rotation::parse(json).map_err(|error| error.to_string())
}

#[test]
fn the_flag_is_json_in_other_units() {
    let default = r#"{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}"#;
    let expected = Rotation { max_bytes: 100 << 20, max_age: None, max_backups: None, compress: false };
    assert_eq!(rotation(default), Ok(expected.clone()));
    assert_eq!(rotation("{}"), Ok(expected));
    let found = rotation(r#"{"maxsize": 1, "maxage": 2, "maxbackups": 3, "compress": true, "other": 1}"#);
    let age = Some(Duration::from_secs(2 * 86_400));
    assert_eq!(
        found,
        Ok(Rotation { max_bytes: 1 << 20, max_age: age, max_backups: Some(3), compress: true })
    );
    for (json, text) in [
        ("{", "improperly formatted log rotation config: "),
        (r#"{"maxsize": "1"}"#, "invalid log rotation config: "),
        (r#"{"maxsize": -1}"#, "invalid log rotation config: "),
        (r#"{"localtime": true}"#, "localtime is not available"),
    ] {
        let found = rotation(json).expect_err(json);
        assert!(found.contains(text), "{found}");
    }
}

#[test]
fn full_files_are_set_aside_and_the_oldest_go() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("etcd.log");
    let rotation = Rotation { max_bytes: 20, max_age: None, max_backups: Some(2), compress: true };
    for name in
        ["etcd-2020-01-01T00-00-00.000.log.gz", "etcd-2020-01-02T00-00-00.000.log", "etcd-other.log", "x.log"]
    {
        fs::write(directory.path().join(name), "old")?;
    }
    assert_eq!(set_aside(&path).len(), 2);
    let mut file = RotatingFile::open(&path, rotation.clone())?;
    file.write_all(b"a line of its own\n")?;
    file.write_all(b"the next one\n")?;
    assert_eq!(fs::read_to_string(&path)?, "the next one\n");
    // The thread of the rotation does the same; either may come first.
    tidy(&path, &rotation);
    let packed = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "gz");
    loop {
        let kept = set_aside(&path);
        if kept.len() == 2 && kept.iter().all(|path| packed(path)) {
            let mut text = String::new();
            GzDecoder::new(fs::File::open(&kept[0])?).read_to_string(&mut text)?;
            assert_eq!(text, "a line of its own\n");
            break;
        }
        std::thread::yield_now();
    }
    assert!(directory.path().join("etcd-other.log").exists() && directory.path().join("x.log").exists());
    Ok(())
}

#[test]
fn names_are_cut_at_their_last_dot() {
    for (path, expected) in
        [("a/etcd.log", ("etcd", ".log")), ("etcd", ("etcd", "")), ("/a.b/c.d.e", ("c.d", ".e"))]
    {
        let (stem, extension) = parts(path.as_ref());
        assert_eq!((stem.as_str(), extension.as_str()), expected);
    }
}
