//! Reports over the API: made away from whatever waits, one after the other.

use crate::admin::access::idempotency::Given;
use crate::admin::api::Route;
use crate::admin::api::bodies::Page;
use crate::admin::api::figures::{Asked, Site, Wish};
use crate::admin::api::operations;
use crate::admin::api::problem::{Kind, Problem};
use crate::driver::api::Api;
use crate::driver::clock;
use crate::driver::reports::NotMade;
use crate::report::Done;

fn site(api: &Api) -> Site<'_> {
    let own = &api.reports;
    Site { zone: &own.zone, words: &own.words, opening: &own.opening, now: clock::now().unix }
}

async fn make(api: &Api, asked: &Asked) -> Result<Done, Problem> {
    let busy =
        |detail: &str| Problem::new(Kind::Busy, detail, "ask again in some seconds").after(5);
    api.reports.make(asked.query.clone()).await.map_err(|why| match why {
        NotMade::Refused(why) => why.into(),
        NotMade::Busy => busy("more reports are asked for than are made in time"),
        NotMade::Unread => busy("the journal cannot be read"),
    })
}

/// Figures by interval.
pub async fn report(api: &Api, route: &Route, wish: Wish) -> Result<Given, Problem> {
    let asked = wish.figures(site(api))?;
    let done = make(api, &asked).await?;
    operations::json(route, &asked.page(&done)?)
}

/// What a figure counted.
pub async fn opened(api: &Api, route: &Route, id: &str, wish: Wish) -> Result<Given, Problem> {
    let asked = wish.opened(site(api), id)?;
    let done = make(api, &asked).await?;
    let (items, next) = asked.opened(&done)?;
    operations::json(route, &Page { items, next })
}

/// The export for planners.
pub async fn planners(api: &Api, wish: Wish) -> Result<Given, Problem> {
    let asked = wish.planners(site(api))?;
    let done = make(api, &asked).await?;
    let body = asked.lines(&done).into_bytes();
    Ok(Given { status: 200, content_type: "text/csv; charset=utf-8", body, etag: None })
}
