//! A WebSocket: one text in, one text out.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::PATIENCE;

pub struct Socket<S>(WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Opens one as a page of `origin` does.
    pub async fn open(stream: S, url: &str, protocol: &'static str, origin: &str) -> Socket<S> {
        let mut request = url.into_client_request().expect("an address");
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static(protocol));
        headers.insert("Origin", HeaderValue::from_str(origin).expect("an origin"));
        let opened = tokio_tungstenite::client_async(request, stream).await;
        Socket(opened.expect("a WebSocket").0)
    }

    pub async fn say(&mut self, text: String) {
        self.0.send(Message::text(text)).await.expect("it is open");
    }

    pub async fn hear(&mut self) -> String {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.expect("an answer");
            if let Message::Text(text) = message.expect("it is open").expect("it is open") {
                return text.as_str().to_owned();
            }
        }
    }
}
