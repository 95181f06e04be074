//! Session descriptions.
/// x
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSdp {
    /// x
    Line,
}
/// x
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {}
impl SessionDescription {
    /// x
    pub fn parse(_b: &[u8]) -> Result<Self, BadSdp> {
        Err(BadSdp::Line)
    }
}
impl std::fmt::Display for SessionDescription {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
