//! Types as the document has them.

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::admin::api::bodies::Page;

/// A type as the document has it.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Its name.
    pub name: fn() -> String,
    /// Itself.
    pub schema: fn() -> RefOr<Schema>,
    /// What it is made of.
    pub parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shape({})", (self.name)())
    }
}

impl Shape {
    /// Of a type.
    pub const fn of<T: ToSchema>() -> Shape {
        fn name<T: ToSchema>() -> String {
            T::name().into_owned()
        }
        Shape { name: name::<T>, schema: <T as PartialSchema>::schema, parts: T::schemas }
    }

    /// Of a page: a generic type does not count what it is filled with among its parts.
    pub(super) const fn of_page<T: ToSchema>() -> Shape {
        fn parts<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        }
        fn name<T: ToSchema>() -> String {
            format!("{}Page", T::name())
        }
        Shape { name: name::<T>, parts: parts::<T>, ..Shape::of::<Page<T>>() }
    }
}
