//! What parent and children write to each other: little-endian numbers and texts with their length.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
    path::Path,
};

use anyhow::Context;

pub struct Writer(BufWriter<File>);

impl Writer {
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(BufWriter::with_capacity(1 << 16, file)))
    }

    pub fn number(&mut self, number: u64) -> anyhow::Result<()> {
        Ok(self.0.write_all(&number.to_le_bytes())?)
    }

    pub fn text(&mut self, text: &str) -> anyhow::Result<()> {
        self.number(text.len() as u64)?;
        Ok(self.0.write_all(text.as_bytes())?)
    }

    pub fn list(&mut self, list: &[u32]) -> anyhow::Result<()> {
        self.number(list.len() as u64)?;
        for number in list {
            self.0.write_all(&number.to_le_bytes())?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> anyhow::Result<()> {
        Ok(self.0.flush()?)
    }
}

pub struct Reader(BufReader<File>);

impl Reader {
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self(BufReader::with_capacity(1 << 16, file)))
    }

    pub fn number(&mut self) -> anyhow::Result<u64> {
        let mut bytes = [0; 8];
        self.0.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn bytes(&mut self, len: usize) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub fn text(&mut self) -> anyhow::Result<String> {
        let len = self.number()? as usize;
        Ok(String::from_utf8(self.bytes(len)?)?)
    }

    pub fn list(&mut self) -> anyhow::Result<Vec<u32>> {
        let len = self.number()? as usize;
        let bytes = self.bytes(len * 4)?;
        Ok(bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect())
    }
}
