//! The OpenAPI document, made from the table and the types.

use utoipa::openapi::path::{Operation as Described, Parameter, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{KnownFormat, Object, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, Content, Header, HttpMethod, Info, OpenApi, Paths, Ref, RefOr, Required, Response,
    Responses, SecurityRequirement,
};

use crate::admin::api::feed::Happening;
use crate::admin::api::problem::Kind;
use crate::admin::api::table::{
    Answer, Method, Operation, Query, Route, Shape, TABLE, path_parameter,
};
use crate::admin::api::{BASE, FORM, MOST_ROWS, Problem};

const ABOUT: &str = "Every refusal is a problem document (RFC 9457): what is wrong, where, what to do. Lists come in \
pages: give `next` as `after`. A request that changes something may carry `Idempotency-Key`: sent twice, it is done once \
and answered alike for a day. Programs send `Authorization: Bearer TOKEN`; people sign in and send the session's cookie, \
and with whatever changes something the session's `X-CSRF-Token`.";

/// What the header `If-Match` looks like where a version is named (RFC 9110 section 13.1.1).
const IF_MATCH: &str = "^\"[0-9]{1,18}\"$";

/// The document.
pub fn document() -> OpenApi {
    let mut schemas = Vec::new();
    let mut paths = Paths::new();
    for route in TABLE {
        let shapes = [route.body, shape(route.answer)];
        for shape in shapes.into_iter().flatten() {
            schemas.push(((shape.name)(), (shape.schema)()));
            (shape.parts)(&mut schemas);
        }
        let path = format!("{BASE}{}", route.path);
        paths.add_path_operation(path, vec![method(route.method)], describe(route));
    }
    let problem = Shape::of::<Problem>();
    schemas.push(((problem.name)(), (problem.schema)()));
    (problem.parts)(&mut schemas);
    let bearer = Http::new(HttpAuthScheme::Bearer);
    let cookie = ApiKey::Cookie(ApiKeyValue::new("__Host-branchline"));
    let mut components = Components::new();
    components.schemas.extend(schemas);
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    let mut info = Info::new("Branchline", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    let mut document = OpenApi::new(info, paths);
    document.components = Some(components);
    document
}

fn method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
    }
}

fn shape(answer: Answer) -> Option<Shape> {
    match answer {
        Answer::Json(_, shape) => Some(shape),
        // What stands behind each `data:`.
        Answer::Events => Some(Shape::of::<Happening>()),
        Answer::Nothing
        | Answer::Audio
        | Answer::File
        | Answer::Lines
        | Answer::Redirect
        | Answer::Page
        | Answer::Channel
        | Answer::Document => None,
    }
}

fn describe(route: &Route) -> Described {
    let mut own = Described::new();
    own.operation_id = Some(route.operation.name().to_owned());
    own.summary = Some(route.summary.to_owned());
    own.description = Some(who_may(route));
    let mut parameters: Vec<Parameter> = route.parameters().map(in_path).collect();
    parameters.extend(route.query.iter().map(in_query));
    if route.method.changes() && route.roles.is_some() {
        parameters.push(key());
    }
    if route.honours_if_match() {
        let words =
            "The version that was seen, as `ETag` gave it: of another one nothing is changed.";
        parameters.push(parameter("If-Match", ParameterIn::Header, false, words, text(IF_MATCH)));
    }
    own.parameters = Some(parameters.into_iter().map(RefOr::T).collect());
    own.request_body = route.file.then(|| {
        let mut body = RequestBody::new();
        let bytes = Content::new(Some(RefOr::T(Schema::Object(Object::with_type(Type::String)))));
        body.content.insert("application/octet-stream".to_owned(), RefOr::T(bytes));
        body.required = Some(Required::True);
        RefOr::T(body)
    });
    let written = route.body.map(|shape| {
        let mut body = RequestBody::new();
        let kind = if route.form { FORM } else { "application/json" };
        body.content.insert(kind.to_owned(), RefOr::T(content(&shape)));
        body.required = Some(Required::True);
        RefOr::T(body)
    });
    own.request_body = written.or(own.request_body);
    let none: [&str; 0] = [];
    own.security = Some(match route.roles {
        None => Vec::new(),
        Some(_) => ["token", "session"]
            .into_iter()
            .filter(|way| *way == "session" || route.scope.is_some())
            .map(|way| SecurityRequirement::new(way, none))
            .collect(),
    });
    own.responses = responses(route);
    own
}

fn who_may(route: &Route) -> String {
    let Some(roles) = route.roles else { return "For anybody.".to_owned() };
    let roles: Vec<_> = roles.iter().map(|role| role.name()).collect();
    let scope = match route.scope {
        Some(scope) => format!("a token needs the scope {scope}"),
        None => "not for tokens".to_owned(),
    };
    format!("For {}; {scope}.", roles.join(", "))
}

fn content(shape: &Shape) -> Content {
    Content::new(Some(Ref::from_schema_name((shape.name)())))
}

fn text(pattern: &str) -> Schema {
    let mut object = Object::with_type(Type::String);
    object.pattern = Some(pattern.to_owned());
    Schema::Object(object)
}

fn in_path(name: &'static str) -> Parameter {
    let (pattern, words) = path_parameter(name);
    parameter(name, ParameterIn::Path, true, words, text(pattern))
}

fn in_query(query: &Query) -> Parameter {
    let schema = match query.pattern {
        Some(pattern) => text(pattern),
        None => {
            let mut number = Object::with_type(Type::Integer);
            number.minimum = Some(1.into());
            number.maximum = Some(MOST_ROWS.into());
            Schema::Object(number)
        }
    };
    parameter(query.name, ParameterIn::Query, query.required, query.words, schema)
}

fn key() -> Parameter {
    let words = "The same request under the same key is done once and answered alike for a day.";
    parameter("Idempotency-Key", ParameterIn::Header, false, words, text("^[!-~]{1,255}$"))
}

fn parameter(
    name: &str,
    place: ParameterIn,
    required: bool,
    words: &str,
    schema: Schema,
) -> Parameter {
    let mut parameter = Parameter::new(name);
    parameter.parameter_in = place;
    parameter.required = if required { Required::True } else { Required::False };
    parameter.description = Some(words.to_owned());
    parameter.schema = Some(RefOr::T(schema));
    parameter
}

fn responses(route: &Route) -> Responses {
    let string = || Object::with_type(Type::String);
    let (status, good) = match route.answer {
        Answer::Json(status, shape) => {
            let mut good = response("Done.", "application/json", content(&shape));
            if route.carries_etag() {
                good.headers.insert("ETag".to_owned(), RefOr::T(etag()));
            }
            (status, good)
        }
        Answer::Nothing => (204, Response::new("Done; there is nothing to say.")),
        Answer::Audio => {
            let mut sound = string();
            sound.format = Some(SchemaFormat::KnownFormat(KnownFormat::Binary));
            (200, response("The sound.", "audio/wav", plain(sound)))
        }
        Answer::File => {
            let mut bytes = string();
            bytes.format = Some(SchemaFormat::KnownFormat(KnownFormat::Binary));
            (200, response("The file.", "application/octet-stream", plain(bytes)))
        }
        Answer::Events => {
            (200, response("Events, as they happen.", "text/event-stream", plain(string())))
        }
        Answer::Lines => (200, response("The lines.", "text/csv", plain(string()))),
        Answer::Redirect => (303, Response::new("Go on there.")),
        Answer::Channel => (101, Response::new("The channel is open (RFC 6455).")),
        Answer::Page => (200, response("Go on from here.", "text/html", plain(string()))),
        Answer::Document => {
            let object = Object::with_type(Type::Object);
            (200, response("The document.", "application/json", plain(object)))
        }
    };
    let mut all = Responses::new();
    all.responses.insert(status.to_string(), RefOr::T(good));
    for kind in Kind::ALL.into_iter().filter(|kind| may_be(*kind, route)) {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let refusal = response(&words(kind), "application/problem+json", problem);
        all.responses.entry(kind.status().to_string()).or_insert(RefOr::T(refusal));
    }
    all
}

fn response(words: &str, kind: &str, content: Content) -> Response {
    let mut response = Response::new(words);
    response.content.insert(kind.to_owned(), RefOr::T(content));
    response
}

/// The version of the contact that the path names.
fn etag() -> Header {
    let mut header = Header::new(text(IF_MATCH));
    header.description = Some("The contact's version: edits name it in `If-Match`.".to_owned());
    header
}

fn plain(object: Object) -> Content {
    Content::new(Some(Schema::Object(object)))
}

fn words(kind: Kind) -> String {
    Problem::new(kind, "", "").title.to_owned()
}

/// Whether a route can be refused so.
fn may_be(kind: Kind, route: &Route) -> bool {
    let body = route.body.is_some();
    let back = route.operation == Operation::Back;
    let channel = matches!(route.answer, Answer::Channel);
    match kind {
        Kind::NotAllowed | Kind::Forged if back => true,
        Kind::Refused if route.operation == Operation::Provider => true,
        Kind::SignInNeeded | Kind::NotAllowed | Kind::Forged => route.roles.is_some(),
        Kind::WrongPassword => route.operation == Operation::SignIn,
        Kind::WrongType => body || route.file,
        Kind::Stale => route.honours_if_match(),
        Kind::NotFound => route.parameters().next().is_some(),
        Kind::Conflict | Kind::Refused => route.method.changes() || !route.query.is_empty(),
        Kind::TooLong => !channel,
        Kind::Malformed | Kind::TooOften | Kind::Busy => true,
        Kind::UpgradeNeeded => channel,
        Kind::WrongMethod => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_in_it_and_every_name_it_uses_is_explained() {
        let json = serde_json::to_value(document()).unwrap();
        for route in TABLE {
            let own = &json["paths"][format!("{BASE}{}", route.path)];
            let own = &own[route.method.name().to_lowercase()];
            assert_eq!(own["operationId"], route.operation.name());
        }
        let text = json.to_string();
        for (at, _) in text.match_indices("#/components/schemas/") {
            let name = &text[at + 21..];
            let name = &name[..name.find('"').unwrap()];
            assert!(json["components"]["schemas"][name].is_object(), "{name} is not explained");
        }
        assert_eq!(json["openapi"], "3.1.0");
    }
}
