//! Every sentence of the waiting page, English and German side by side: a row without both does not compile.
//!
//! Words in braces are filled in. Sentences are short and say what is, then what to do; nobody is hurried but by their
//! own turn.

macro_rules! texts {
    ($($name:ident: $english:literal, $german:literal;)+) => {
        /// The sentences of one language.
        #[derive(Debug)]
        pub struct Texts { $(pub $name: &'static str),+ }
        /// English.
        pub const EN: Texts = Texts { $($name: $english),+ };
        /// German.
        pub const DE: Texts = Texts { $($name: $german),+ };
        #[cfg(test)]
        const PAIRS: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $german)),+];
    };
}

#[rustfmt::skip]
texts! {
    name: "English", "Deutsch";
    months: "January February March April May June July August September October November December",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember";
    moment: "on {d} {m} {y} at {t}", "am {d}. {m} {y} um {t} Uhr";
    clock: "{t}", "{t} Uhr";
    thousands: ",", ".";

    join_heading: "Join the line", "In die Schlange stellen";
    join_lead: "The sale is on. When you join, you get the next place in the line.",
        "Der Verkauf läuft. Wenn Sie sich anstellen, bekommen Sie den nächsten Platz in der Schlange.";
    join_button: "Join the line", "Jetzt anstellen";
    register_heading: "Register for the line", "Für die Schlange anmelden";
    opens: "The sale opens {time}.", "Der Verkauf beginnt {time}.";
    register_lead: "At the opening a place is drawn for everybody who has registered. Coming early is no advantage.",
        "Zu Beginn wird für alle, die sich angemeldet haben, ein Platz ausgelost. Früh zu kommen bringt keinen Vorteil.";
    late_lead: "Registration for the draw has closed. When you join now, your place is behind those who have registered.",
        "Die Anmeldung zur Auslosung ist zu Ende. Wenn Sie sich jetzt anstellen, ist Ihr Platz hinter allen, die angemeldet sind.";
    register_button: "Register", "Jetzt anmelden";
    have_registered: "Have you registered already? Open the link to your place.",
        "Haben Sie sich schon angemeldet? Dann öffnen Sie den Link zu Ihrem Platz.";
    have_place: "Have you joined already? Open the link to your place; joining again would start at the end.",
        "Stehen Sie schon in der Schlange? Dann öffnen Sie den Link zu Ihrem Platz; neu anstellen hieße von hinten anfangen.";
    early_heading: "Not open yet", "Noch nicht geöffnet";
    early_lead: "Registration begins {time}. This page opens by itself.",
        "Die Anmeldung beginnt {time}. Diese Seite öffnet sich von selbst.";
    early_lead_someday: "You cannot register yet. This page opens by itself.",
        "Sie können sich noch nicht anmelden. Diese Seite öffnet sich von selbst.";
    draining_heading: "Nobody can join any more", "Anstellen ist nicht mehr möglich";
    draining_lead: "Those who are in the line are still being called. If you are one of them, open the link to your place.",
        "Wer in der Schlange steht, wird noch aufgerufen. Wenn Sie dazugehören, öffnen Sie den Link zu Ihrem Platz.";
    through_heading: "No waiting needed", "Kein Warten nötig";
    through_lead: "At the moment everybody may go straight to the shop.", "Zurzeit dürfen alle direkt in den Shop.";
    through_no_shop: "Go back to the shop's page or app.", "Gehen Sie zurück zur Seite oder App des Shops.";
    sold_out_heading: "Sold out", "Ausverkauft";
    sold_out_lead: "Everything is sold. If something comes back, this page shows it.",
        "Alles ist verkauft. Wenn etwas zurückkommt, zeigt es diese Seite.";
    sold_out_place: "You keep your place in case something does.", "Für diesen Fall behalten Sie Ihren Platz.";
    closed_place: "You keep your place until then.", "Bis dahin behalten Sie Ihren Platz.";
    closed_heading: "The line is closed", "Die Schlange ist geschlossen";
    closed_lead: "Nobody can join, and nobody is being called. If that changes, this page shows it.",
        "Niemand kann sich anstellen, und niemand wird aufgerufen. Wenn sich das ändert, zeigt es diese Seite.";

    prequeue_heading: "You are registered", "Sie sind angemeldet";
    prequeue_lead: "At the opening your place is drawn, and this page shows it. Coming early is no advantage.",
        "Zu Beginn wird Ihr Platz ausgelost, und diese Seite zeigt ihn. Früh zu kommen bringt keinen Vorteil.";
    prequeue_closed: "Registration has closed. At the opening this page shows your place.",
        "Die Anmeldung ist zu Ende. Zu Beginn zeigt diese Seite Ihren Platz.";
    waiting_heading: "You are in the line", "Sie stehen in der Schlange";
    ahead_many: "{n} people are ahead of you", "{n} Personen sind vor Ihnen";
    ahead_one: "One person is ahead of you", "Eine Person ist vor Ihnen";
    ahead_none: "You are next", "Sie sind als Nächstes dran";
    ahead_back: "You were away when your turn came. You are called together with others who were.",
        "Sie waren nicht da, als Sie an der Reihe waren. Sie werden mit anderen aufgerufen, denen es auch so ging.";
    place: "Your place: {n}", "Ihr Platz: {n}";
    bar: "How far the line has come towards you", "Wie weit die Schlange bei Ihnen ist";
    wait_seconds: "The wait is likely to be between {a} and {b} seconds.", "Es dauert voraussichtlich zwischen {a} und {b} Sekunden.";
    wait_short: "The wait is likely to be less than {b} minutes.", "Es dauert voraussichtlich weniger als {b} Minuten.";
    wait_minutes: "The wait is likely to be between {a} and {b} minutes.", "Es dauert voraussichtlich zwischen {a} und {b} Minuten.";
    wait_hours: "The wait is likely to be between {a} and {b} hours.", "Es dauert voraussichtlich zwischen {a} und {b} Stunden.";
    wait_unknown: "How long it will take cannot be said at the moment.", "Wie lange es dauert, lässt sich zurzeit nicht sagen.";
    low: "Your chances are low: most likely everything will be gone before it is your turn. You keep your place all the same.",
        "Ihre Aussichten sind gering: Wahrscheinlich ist alles vergeben, bevor Sie an der Reihe sind. Ihren Platz behalten Sie trotzdem.";
    low_why: "About {n} people ahead of you are here. What is left is enough for about {m}.",
        "Etwa {n} Personen vor Ihnen sind da. Was noch frei ist, reicht für etwa {m}.";
    low_none: "About {n} people ahead of you are here. Nothing is free at the moment.",
        "Etwa {n} Personen vor Ihnen sind da. Zurzeit ist nichts frei.";
    paused: "The line is paused: nobody is being called at the moment. You keep your place.",
        "Die Schlange macht Pause: Zurzeit wird niemand aufgerufen. Sie behalten Ihren Platz.";
    paused_here: "The line is paused: nobody is being called at the moment. You can join all the same.",
        "Die Schlange macht Pause: Zurzeit wird niemand aufgerufen. Anstellen können Sie sich trotzdem.";
    message: "From the organiser", "Vom Veranstalter";
    keep: "You can close this tab and come back with this link. Keep it to yourself: it is your place.",
        "Sie können diese Seite schließen und mit diesem Link zurückkommen. Behalten Sie ihn für sich: Er ist Ihr Platz.";
    keep_link: "Link to my place", "Link zu meinem Platz";
    be_here: "Be here when your turn comes: the line does not stop for anybody who is away.",
        "Seien Sie hier, wenn Sie an der Reihe sind: Auf Abwesende wartet die Schlange nicht.";
    called_heading: "It is your turn", "Sie sind an der Reihe";
    called_lead: "Your turn is kept for you until {time}.", "Ihr Aufruf gilt bis {time}.";
    left: "Time left: {n}", "Noch {n}";
    go_button: "Go to the shop", "Weiter zum Shop";
    called_no_shop: "Go back to the shop's page or app now, and show this pass there if you are asked for it.",
        "Gehen Sie jetzt zurück zur Seite oder App des Shops, und zeigen Sie dort diesen Pass, wenn Sie danach gefragt werden.";
    pass: "Your pass", "Ihr Pass";
    inside_heading: "You are in the shop", "Sie sind im Shop";
    inside_lead: "You can buy until {time}.", "Sie können bis {time} einkaufen.";
    inside_button: "Back to the shop", "Zurück zum Shop";
    lapsed_heading: "Your turn is over", "Ihr Aufruf ist vorbei";
    lapsed_lead: "You did not come in time, or your time in the shop has ended.",
        "Sie sind nicht rechtzeitig gekommen, oder Ihre Zeit im Shop ist zu Ende.";
    left_heading: "You have left the line", "Sie haben die Schlange verlassen";
    left_lead: "Your place has been given up.", "Ihr Platz ist aufgegeben.";
    again_lead: "You can join again with this ticket. Those who are waiting now mostly go first.",
        "Sie können sich mit diesem Ticket wieder anstellen. Wer jetzt wartet, kommt meist zuerst dran.";
    again_fresh: "You can register again.", "Sie können sich wieder anmelden.";
    again_not: "At the moment it is not possible to join again.", "Zurzeit kann man sich nicht wieder anstellen.";
    again_button: "Join again", "Wieder anstellen";
    leave: "Leave the line", "Schlange verlassen";
    leave_lead: "Your place is lost then.", "Ihr Platz ist dann verloren.";
    leave_button: "Give up my place", "Platz aufgeben";

    draw: "Anybody can redo the draw afterwards:", "Die Auslosung kann hinterher jeder nachrechnen:";
    draw_link: "its data", "ihre Daten";
    drawn: "Anybody can redo the draw that gave this place:", "Die Auslosung, die diesen Platz ergab, kann jeder nachrechnen:";
    draw_limit: "Unless a number from outside is mixed in, this shows that nothing was changed afterwards, but not that the organiser did not choose the outcome.",
        "Wird keine Zahl von außen eingemischt, zeigt das, dass nachträglich nichts geändert wurde, aber nicht, dass der Veranstalter das Ergebnis nicht ausgesucht hat.";

    unknown_heading: "There is nothing here", "Hier ist nichts";
    unknown_lead: "This link leads to no line and to no place in one. Was it copied as a whole?",
        "Dieser Link führt zu keiner Schlange und zu keinem Platz darin. Wurde er vollständig kopiert?";
    bad_heading: "This link does not work", "Dieser Link geht nicht";
    bad_lead: "Something is missing in it, or was changed. Go back to the shop's page and try again from there.",
        "Es fehlt etwas darin, oder es wurde geändert. Gehen Sie zurück zur Seite des Shops, und versuchen Sie es von dort noch einmal.";
    proof_heading: "The shop's proof is not good", "Der Nachweis des Shops gilt nicht";
    proof_lead: "The shop has sent a proof of who you are that is for something else, was changed, or has run out. Go back to the shop's page and try again from there.",
        "Der Shop hat einen Nachweis mitgeschickt, wer Sie sind, der für etwas anderes ist, geändert wurde oder abgelaufen ist. Gehen Sie zurück zur Seite des Shops, und versuchen Sie es von dort noch einmal.";
    rejected_heading: "The shop did not let you in", "Der Shop hat Sie nicht hineingelassen";
    rejected_hash: "The link to the shop was changed on its way.", "Der Link zum Shop wurde unterwegs verändert.";
    rejected_event: "The link to the shop was for something else.", "Der Link zum Shop war für etwas anderes.";
    rejected_time: "A link to the shop is good for a minute or two, and this one had run out.",
        "Ein Link zum Shop gilt ein bis zwei Minuten, und dieser war abgelaufen.";
    rejected_address: "You came to the shop by another internet connection than here. That happens when a phone leaves a wireless network.",
        "Sie kamen über eine andere Internetverbindung in den Shop als hierher. Das passiert, wenn ein Telefon ein WLAN verlässt.";
    rejected_often: "The link to the shop was used too often.", "Der Link zum Shop wurde zu oft benutzt.";
    rejected_button: "Back to the line", "Zurück zur Schlange";

    invited_heading: "By invitation only", "Nur mit Einladung";
    invited_lead: "To join this line you need an access code. Enter it on the shop's page.",
        "Für diese Schlange brauchen Sie einen Zugangscode. Geben Sie ihn auf der Seite des Shops ein.";
    refused_heading: "That cannot be done now", "Das geht gerade nicht";
    refused_lead: "Go back to the shop's page and try again from there.",
        "Gehen Sie zurück zur Seite des Shops und versuchen Sie es von dort noch einmal.";
    busy_heading: "One moment, please", "Einen Moment bitte";
    busy_lead: "The server is busy. This page tries again by itself; your place is not lost.",
        "Der Server ist gerade ausgelastet. Diese Seite versucht es von selbst wieder; Ihr Platz geht nicht verloren.";
    lost: "The connection is interrupted. This page keeps trying.", "Die Verbindung ist unterbrochen. Diese Seite versucht es weiter.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_fill_in_the_same_things() {
        for (name, english, german) in PAIRS {
            let holes = |text: &str| {
                let mut holes: Vec<_> = text.split('{').skip(1).map(|rest| rest[..1].to_owned()).collect();
                holes.sort();
                holes
            };
            assert_eq!(holes(english), holes(german), "{name}");
            assert!(!english.is_empty() && english.trim() == *english && german.trim() == *german, "{name}");
        }
        assert_eq!((EN.months.split(' ').count(), DE.months.split(' ').count()), (12, 12));
    }
}
