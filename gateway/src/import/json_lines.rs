//! On which line of a JSON text each object begins.
//!
//! serde_json tells the line of a syntax error, but not of a value it has read; a complaint about seat 412 of a plan is
//! worth little without its line. This walks the text once, knowing only strings, brackets and commas, and is asked by JSON
//! pointer (`/zones/0/rows/3/seats/7`). The text must already have been accepted by serde_json: nothing is checked here.

use std::collections::HashMap;

/// Lines of the objects of a text, by JSON pointer.
#[derive(Debug, Default)]
pub struct ObjectLines {
    lines: HashMap<String, usize>,
}

enum Step {
    Key(String),
    Index(usize),
}

impl ObjectLines {
    /// Walks a text that is known to be JSON.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut found = Self::default();
        let mut path: Vec<Step> = Vec::new();
        let mut line = 1;
        let mut last_string = String::new();
        let mut bytes = text.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\n' => line += 1,
                b'"' => {
                    let mut end = at + 1;
                    while let Some((here, byte)) = bytes.next() {
                        end = here;
                        match byte {
                            b'\\' => drop(bytes.next()),
                            b'"' => break,
                            _ => {}
                        }
                    }
                    last_string.clear();
                    last_string.push_str(&text[at + 1..end]);
                }
                b':' => {
                    if let Some(Step::Key(key)) = path.last_mut() {
                        key.clone_from(&last_string);
                    }
                }
                b'{' => {
                    found.lines.insert(pointer(&path), line);
                    path.push(Step::Key(String::new()));
                }
                b'[' => path.push(Step::Index(0)),
                b'}' | b']' => drop(path.pop()),
                b',' => {
                    if let Some(Step::Index(index)) = path.last_mut() {
                        *index += 1;
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The line of the object at `pointer`; 0, the file as a whole, if there is none.
    #[must_use]
    pub fn at(&self, pointer: &str) -> usize {
        self.lines.get(pointer).copied().unwrap_or(0)
    }
}

fn pointer(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        out.push('/');
        match step {
            Step::Key(key) => out.push_str(key),
            Step::Index(index) => out.push_str(&index.to_string()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_quotes_inside_strings_do_not_count() {
        let text = "{\n \"a\": [ {\"x\": \"}],{\\\"[\"},\n {\"y\": {\n} } ],\n \"b\": {}\n}";
        serde_json::from_str::<serde_json::Value>(text).expect("the test's own text is JSON");
        let lines = ObjectLines::of(text);
        let asked = ["", "/a/0", "/a/1", "/a/1/y", "/b", "/c"];
        assert_eq!(asked.map(|pointer| lines.at(pointer)), [1, 2, 3, 3, 5, 0]);
    }
}
