//! What is counted of waiting rooms, by sale: who waits and who is inside, how fast people are called and why not faster, who
//! found nothing, and what came of what people were told.

use onsale_engine::Engine;
use onsale_engine::waiting_room::{Grade, LineView, Raised};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Labels = Vec<(String, String)>;

/// A sale, and perhaps more.
fn labels(sale: &str, more: Option<(&str, &str)>) -> Labels {
    let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
    [("sale".to_owned(), sale.to_owned())].into_iter().chain(more).collect()
}

/// All of it.
pub(super) fn add(registry: &mut Registry, engine: &Engine) {
    add_lines(registry, &engine.line_views());
    add_estimates(registry, engine);
}

fn add_lines(registry: &mut Registry, lines: &[LineView]) {
    let waiting = Family::<Labels, Gauge>::default();
    for line in lines {
        for lane in &line.lanes {
            let here = if line.drawn_at.is_some() { lane.waiting } else { lane.registered };
            waiting.get_or_create(&labels(&line.sale, Some(("lane", &lane.name)))).set(i64::from(here));
        }
    }
    registry.register(
        "line_waiting",
        "Places that have not had their turn; before the draw, registrations",
        waiting,
    );
    let mut level = |name: &str, help: &str, of: &dyn Fn(&LineView) -> i64| {
        let family = Family::<Labels, Gauge>::default();
        for line in lines {
            family.get_or_create(&labels(&line.sale, None)).set(of(line));
        }
        registry.register(name, help, family);
    };
    level("line_active", "People called or inside", &|line| i64::from(line.active));
    level("line_called", "People called who have not come yet", &|line| i64::from(line.called));
    level("line_most_active", "The cap of people called or inside", &|line| i64::from(line.dials.max_active));
    level("line_per_minute", "People a minute by the dial, at this instant of a ramp", &|line| {
        i64::from(line.rate)
    });
    level("line_brake_thousandths", "How much of that the brake lets through; 1000 is all", &|line| {
        i64::from(line.brake.0)
    });
    let mut count = |name: &str, help: &str, of: &dyn Fn(&LineView) -> u64| {
        let family = Family::<Labels, Counter>::default();
        for line in lines {
            family.get_or_create(&labels(&line.sale, None)).inc_by(of(line));
        }
        registry.register(name, help, family);
    };
    count("line_admitted", "People let in", &|line| line.admitted);
    count("line_in_vain", "People who came in and found nothing at first", &|line| line.in_vain);
}

fn add_estimates(registry: &mut Registry, engine: &Engine) {
    let family = |name: &'static str, of: &dyn Fn(&Grade) -> Vec<(&'static str, u64)>| {
        let family = Family::<Labels, Counter>::default();
        for grades in engine.grades() {
            for (word, value) in of(&grades.all()) {
                family.get_or_create(&labels(&grades.sale, Some((name, word)))).inc_by(value);
            }
        }
        family
    };
    let came = family("result", &|grade| {
        let marks = grade.marks();
        let Grade { untold, absent, left, .. } = *grade;
        let called = [("inside", marks.inside), ("early", marks.early), ("late", marks.late)];
        called.into_iter().chain([("untold", untold), ("absent", absent), ("left", left)]).collect()
    });
    registry.register("estimates", "Turns, by what came of the first range that was shown", came);
    let raised = family("cause", &|grade| {
        let Raised { times, caused, .. } = grade.raised;
        vec![("a_change", caused), ("none", times - caused)]
    });
    registry.register("estimates_raised", "Upper bounds that rose after they had been shown", raised);
}
