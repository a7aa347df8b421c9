//! The few routes a launch day consists of, matched by hand in front of the router.
//!
//! The handlers are the same; what is saved is the router's matching, its boxed futures and the body's wrapping. A path
//! with percent signs, a trailing slash or anything else unusual is left to the router.

use std::ops::Range;

use http::Method;

use crate::answer::Outcome;
use crate::api::routes::Route;
use crate::api::{carts, checkout, expect_no_query, queue};
use crate::call::{Call, Params};

/// A hot route and where the one variable of its path stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Hot {
    route: HotRoute,
    param: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HotRoute {
    CartOpen,
    CartGet,
    Checkout,
    LineJoin,
    LineGet,
    TicketGet,
}

impl HotRoute {
    const fn route(self) -> Route {
        match self {
            Self::CartOpen => Route::CartOpen,
            Self::CartGet => Route::CartGet,
            Self::Checkout => Route::CheckoutPost,
            Self::LineJoin => Route::LineJoin,
            Self::LineGet => Route::LineGet,
            Self::TicketGet => Route::TicketGet,
        }
    }
}

/// Method, path before its variable, path behind it.
const HOT: [(Method, &str, &str, HotRoute); 6] = [
    (Method::GET, "/v1/queue/", "", HotRoute::TicketGet),
    (Method::GET, "/v1/sales/", "/queue", HotRoute::LineGet),
    (Method::POST, "/v1/sales/", "/carts", HotRoute::CartOpen),
    (Method::POST, "/v1/sales/", "/queue", HotRoute::LineJoin),
    (Method::POST, "/v1/carts/", "/checkout", HotRoute::Checkout),
    (Method::GET, "/v1/carts/", "", HotRoute::CartGet),
];

impl Hot {
    /// The hot route of this method and path, if it is one.
    pub fn recognise(method: &Method, path: &str) -> Option<Self> {
        HOT.iter().find_map(|(hot, before, behind, route)| {
            let param = path.strip_prefix(before)?.strip_suffix(behind)?;
            let one = !param.is_empty() && !param.bytes().any(|byte| matches!(byte, b'/' | b'%'));
            let (route, start) = (*route, before.len());
            (method == hot && one).then(|| Self { route, param: start..start + param.len() })
        })
    }

    /// Which route it is.
    pub const fn route(&self) -> Route {
        self.route.route()
    }

    /// The variable of its path.
    pub const fn params(&self) -> Params {
        Params::InPath(self.param.start..self.param.end)
    }

    /// Calls its handler.
    pub async fn answer(&self, call: &mut Call) -> Outcome {
        expect_no_query(self.route().entry(), &call.uri)?;
        match self.route {
            HotRoute::CartOpen => carts::open(call).await,
            HotRoute::CartGet => carts::get(call).await,
            HotRoute::Checkout => checkout::post(call).await,
            HotRoute::LineJoin => queue::join(call).await,
            HotRoute::LineGet => queue::line(call).await,
            HotRoute::TicketGet => queue::ticket(call).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_exactly_a_hot_route_is_taken() {
        let taken = |method: Method, path: &str| {
            Hot::recognise(&method, path).map(|hot| (hot.route, path[hot.param].to_owned()))
        };
        let some = |route, param: &str| Some((route, param.to_owned()));
        assert_eq!(taken(Method::POST, "/v1/sales/sh/carts"), some(HotRoute::CartOpen, "sh"));
        assert_eq!(taken(Method::POST, "/v1/carts/cart_1/checkout"), some(HotRoute::Checkout, "cart_1"));
        assert_eq!(taken(Method::GET, "/v1/carts/cart_1"), some(HotRoute::CartGet, "cart_1"));
        assert_eq!(taken(Method::POST, "/v1/sales/sh/queue"), some(HotRoute::LineJoin, "sh"));
        assert_eq!(taken(Method::GET, "/v1/sales/sh/queue"), some(HotRoute::LineGet, "sh"));
        assert_eq!(taken(Method::GET, "/v1/queue/qt_1"), some(HotRoute::TicketGet, "qt_1"));
        for (method, path) in [
            (Method::GET, "/v1/sales/sh/carts"),
            (Method::POST, "/v1/sales//carts"),
            (Method::POST, "/v1/sales/carts"),
            (Method::POST, "/v1/sales/sh/carts/"),
            (Method::POST, "/v1/sales/s%68/carts"),
            (Method::GET, "/v1/carts/cart_1/holds"),
            (Method::GET, "/v1/carts/"),
            (Method::GET, "/v1/sales/sh"),
            (Method::POST, "/v1/carts/cart_1"),
            (Method::GET, "/v1/carts/cart_1/checkout"),
            (Method::POST, "/v1/carts/checkout"),
            (Method::POST, "/v1/carts//checkout"),
            (Method::GET, "/v1/cartsx"),
            (Method::DELETE, "/v1/carts/cart_1"),
            (Method::PATCH, "/v1/sales/sh/queue"),
            (Method::POST, "/v1/sales/sh/queue/admit"),
            (Method::GET, "/v1/sales//queue"),
            (Method::GET, "/v1/sales/queue"),
            (Method::GET, "/v1/queue/qt_1/stream"),
            (Method::DELETE, "/v1/queue/qt_1"),
            (Method::GET, "/v1/queue/"),
        ] {
            assert_eq!(taken(method, path), None, "{path}");
        }
    }
}
