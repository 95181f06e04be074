//! What customers answer: F13. An answer is counted where its survey was sent, so that the rate of response is one.

use std::collections::{BTreeMap, VecDeque};

use crate::report::counter::Counter::*;
use crate::report::fact::{Question, Survey, What};
use crate::report::sheet::{Counted, Home, Sheet};
use crate::time::UnixTime;

/// How long a survey can be answered: 14 days, in microseconds. An answer after that is about something else.
const OPEN: i64 = 14 * 86_400_000_000;

#[derive(Debug, Default)]
pub(super) struct Surveys {
    sent: BTreeMap<Survey, (Question, Home)>,
    order: VecDeque<(UnixTime, Survey)>,
    /// Answers that are none: out of range, a second time, too late, to no survey.
    pub refused: u64,
}

impl Surveys {
    pub fn handle(&mut self, sheet: &mut Sheet, at: UnixTime, what: &What) {
        while let Some((sent, survey)) = self.order.front().copied()
            && at.0 - sent.0 > OPEN
        {
            self.order.pop_front();
            self.sent.remove(&survey);
        }
        match what {
            What::SurveySent { survey, question, place, .. } => {
                let home = sheet.home(at, place.clone());
                let counter = match question {
                    Question::Csat => CsatSent,
                    Question::Nps => NpsSent,
                    Question::Ces => CesSent,
                };
                sheet.count(&home, counter, Counted::Survey(*survey));
                self.sent.insert(*survey, (*question, home));
                self.order.push_back((at, *survey));
            }
            What::SurveyAnswered { survey, score } => self.answered(sheet, *survey, *score),
            _ => {}
        }
    }

    fn answered(&mut self, sheet: &mut Sheet, survey: Survey, score: u8) {
        let valid = |question: &Question| match question {
            Question::Csat => (1..=5).contains(&score),
            Question::Nps => score <= 10,
            Question::Ces => (1..=7).contains(&score),
        };
        if !self.sent.get(&survey).is_some_and(|(question, _)| valid(question)) {
            self.refused += 1;
            return;
        }
        let Some((question, home)) = self.sent.remove(&survey) else { return };
        let counts: &[_] = match question {
            Question::Csat => &[(CsatAnswered, 1), (CsatGood, i64::from(score >= 4))],
            Question::Nps => &[
                (NpsAnswered, 1),
                (Promoters, i64::from(score >= 9)),
                (Detractors, i64::from(score <= 6)),
            ],
            Question::Ces => &[(CesAnswered, 1), (CesSum, i64::from(score))],
        };
        for (counter, amount) in counts {
            sheet.add(&home, *counter, *amount, Counted::Survey(survey));
        }
    }
}
