//! Security questions: which there are, how answers are compared, and which are asked. They are weak (SP 800-63B-4 §3.1.1
//! rules them out as an authenticator), so they open the recovery page only, and only behind the password.

use super::name::fold;
use super::secret::Answer;

/// A question that everybody may choose. Its text is `help-question-` and this, in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question(&'static str);

/// What does not change, and stands in no public record.
pub const QUESTIONS: [Question; 12] = [
    Question("first-teacher"),
    Question("childhood-friend"),
    Question("first-pet"),
    Question("first-car"),
    Question("first-concert"),
    Question("first-job"),
    Question("first-flight"),
    Question("childhood-street"),
    Question("grandmother"),
    Question("childhood-book"),
    Question("parents-met"),
    Question("dream-job"),
];

impl Question {
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    pub fn parse(text: &str) -> Option<Self> {
        QUESTIONS.into_iter().find(|question| question.0 == text)
    }
}

/// Shorter answers are guessed at once; in bytes, so that one letter of a script with many will do.
const SHORTEST: usize = 3;
const LONGEST: usize = 200;

/// Why a text is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFault {
    TooShort,
    TooLong,
    /// It holds what cannot be compared, such as a picture.
    Letters,
}

/// An answer as it is compared: letter case, the ways to compose a letter, and spaces do not count (RFC 4518: NFKC, case
/// folded).
pub fn answer(text: &str) -> Result<Answer, AnswerFault> {
    if text.len() > LONGEST {
        return Err(AnswerFault::TooLong);
    }
    if text.trim().is_empty() {
        return Err(AnswerFault::TooShort);
    }
    let folded = fold(text).map_err(|_| AnswerFault::Letters)?.into_string();
    if folded.len() < SHORTEST {
        return Err(AnswerFault::TooShort);
    }
    Ok(Answer::new(folded.into_bytes()))
}

/// Why answers are no set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetFault {
    /// So many are wanted.
    Count {
        wanted: usize,
    },
    SameQuestion,
    SameAnswer,
    Answer {
        question: Question,
        fault: AnswerFault,
    },
}

/// A person's own choice: so many different questions, with answers that differ.
pub fn set(chosen: &[(Question, &str)], wanted: usize) -> Result<Vec<(Question, Answer)>, SetFault> {
    if chosen.len() != wanted {
        return Err(SetFault::Count { wanted });
    }
    let mut set: Vec<(Question, Answer)> = Vec::with_capacity(wanted);
    for (question, text) in chosen {
        let answer = answer(text).map_err(|fault| SetFault::Answer { question: *question, fault })?;
        if set.iter().any(|(other, _)| other == question) {
            return Err(SetFault::SameQuestion);
        }
        if set.iter().any(|(_, other)| other.same_as(answer.expose())) {
            return Err(SetFault::SameAnswer);
        }
        set.push((*question, answer));
    }
    Ok(set)
}

/// Some of the questions a person has set up, by chance; all of them if there are no more. `below` gives a number from 0 up
/// to but not including its argument.
pub fn choose(mut of: Vec<Question>, count: usize, mut below: impl FnMut(u32) -> u32) -> Vec<Question> {
    let mut chosen = vec![];
    while chosen.len() < count && !of.is_empty() {
        let at = below(u32::try_from(of.len()).unwrap_or(u32::MAX));
        chosen.push(of.swap_remove(usize::try_from(at).unwrap_or(0).min(of.len() - 1)));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(one: &str, other: &str) -> bool {
        let (Ok(one), Ok(other)) = (answer(one), answer(other)) else { panic!("{one} or {other} is no answer") };
        one.same_as(other.expose())
    }

    #[test]
    fn letter_case_composition_and_spaces_do_not_count() {
        for (one, other) in [
            ("Rex", " rex "),
            ("St.  Pauli", "st. pauli"),
            ("Zoë", "ZOE\u{308}"),
            ("Straße", "STRASSE"),
            ("ＡＢＣ", "abc"),
            ("Łódź", "łÓDŹ"),
        ] {
            assert!(same(one, other), "{one} and {other}");
        }
        assert!(!same("Rex", "Rax"));
        assert!(!same("New York", "NewYork"), "words stay apart");
    }

    #[test]
    fn what_is_no_answer_says_why() {
        let fault = |text: &str| answer(text).err();
        assert_eq!(fault("ab"), Some(AnswerFault::TooShort));
        assert_eq!(fault("  "), Some(AnswerFault::TooShort));
        assert_eq!(fault("\u{200b}\u{200b}\u{200b}a"), Some(AnswerFault::TooShort), "without ink");
        assert_eq!(fault("王"), None);
        assert_eq!(fault(&"a".repeat(201)), Some(AnswerFault::TooLong));
        assert_eq!(fault("😀😀"), Some(AnswerFault::Letters));
    }

    #[test]
    fn a_set_is_so_many_different_questions_with_different_answers() {
        let [a, b, ..] = QUESTIONS;
        assert!(set(&[(a, "Rex"), (b, "Hamburg")], 2).is_ok());
        let fault = |chosen: &[(Question, &str)]| set(chosen, 2).err();
        assert_eq!(fault(&[(a, "Rex")]), Some(SetFault::Count { wanted: 2 }));
        assert_eq!(fault(&[(a, "Rex"), (a, "Hamburg")]), Some(SetFault::SameQuestion));
        assert_eq!(fault(&[(a, "Rex"), (b, " REX")]), Some(SetFault::SameAnswer));
        let short = SetFault::Answer { question: b, fault: AnswerFault::TooShort };
        assert_eq!(fault(&[(a, "Rex"), (b, "x")]), Some(short));
    }

    #[test]
    fn a_question_is_known_by_its_word() {
        for question in QUESTIONS {
            assert_eq!(Question::parse(question.as_str()), Some(question));
        }
        assert_eq!(Question::parse("mothers-maiden-name"), None);
    }

    proptest! {
        #[test]
        fn chance_chooses_so_many_and_none_twice(count in 0_usize..20, numbers in proptest::collection::vec(any::<u32>(), 20)) {
            let mut numbers = numbers.into_iter();
            let mut chosen = choose(QUESTIONS.to_vec(), count, |below| numbers.next().unwrap_or(0) % below.max(1));
            prop_assert_eq!(chosen.len(), count.min(QUESTIONS.len()));
            chosen.sort_unstable();
            chosen.dedup();
            prop_assert_eq!(chosen.len(), count.min(QUESTIONS.len()));
        }

        #[test]
        fn any_text_is_an_answer_or_not_and_its_comparison_form_is_its_own(text in ".{0,80}") {
            if let Ok(kept) = answer(&text) {
                let folded = String::from_utf8(kept.expose().to_vec()).unwrap();
                let again = answer(&folded);
                prop_assert!(again.is_ok_and(|again| again.same_as(kept.expose())));
            }
        }
    }
}
