//! Which round answers which question.

use super::*;

fn answered(questions: &mut Questions, round: u64) -> Vec<u64> {
    let context = |question| match question {
        Question::Own(context) => context,
        Question::Of { id, .. } => id,
    };
    questions.confirm(round).map(context).collect()
}

fn ask(questions: &mut Questions, contexts: impl IntoIterator<Item = u64>) {
    contexts.into_iter().for_each(|context| questions.add(Question::Own(context)));
}

#[test]
fn a_round_answers_what_was_asked_before_it_began() {
    let mut questions = Questions::default();
    assert_eq!(questions.begin(1), None, "nobody asks");
    ask(&mut questions, [1, 2]);
    assert_eq!(questions.begin(1), Some(0));
    ask(&mut questions, [3]);
    assert_eq!(questions.begin(1), None, "one round at a time");
    assert_eq!(answered(&mut questions, 7), [0; 0], "no such round");
    assert_eq!(answered(&mut questions, 0), [1, 2]);
    assert_eq!(answered(&mut questions, 0), [0; 0], "a round ends once");
    assert_eq!(questions.begin(1), Some(1));
    assert_eq!(answered(&mut questions, 1), [3]);
    assert_eq!(questions.begin(1), None);
}

#[test]
fn a_lost_round_hands_its_questions_on_and_keeps_to_them() {
    let begin_two = || {
        let mut questions = Questions::default();
        ask(&mut questions, [1]);
        assert_eq!(questions.begin(1), Some(0));
        ask(&mut questions, [2]);
        questions.tick();
        assert_eq!(questions.begin(1), None, "it may have begun just before the tick");
        questions.tick();
        assert_eq!(questions.begin(1), Some(1));
        ask(&mut questions, [3]);
        assert_eq!(questions.begin(1), None, "the new one has its own time");
        questions
    };
    let mut questions = begin_two();
    assert_eq!(answered(&mut questions, 1), [1, 2]);
    assert_eq!(answered(&mut questions, 0), [0; 0], "too late");
    assert_eq!(questions.begin(1), Some(2));

    let mut questions = begin_two();
    assert_eq!(answered(&mut questions, 0), [1], "late, and never for a question that came later");
    assert_eq!(answered(&mut questions, 1), [2]);
    assert_eq!(questions.begin(1), Some(2));
    assert_eq!(answered(&mut questions, 2), [3]);
}

#[test]
fn another_term_forgets_and_never_repeats_a_number() {
    let mut questions = Questions::default();
    questions.enter(4);
    ask(&mut questions, [1]);
    assert_eq!(questions.begin(1), Some(0));
    questions.enter(4);
    ask(&mut questions, [2]);
    questions.enter(5);
    assert_eq!(questions.begin(1), None);
    assert_eq!(answered(&mut questions, 0), [0; 0]);
    ask(&mut questions, [3]);
    assert_eq!(questions.begin(1), Some(1));
    assert_eq!(answered(&mut questions, 1), [3]);
}

#[test]
fn questions_and_rounds_are_bounded() {
    let mut questions = Questions::default();
    ask(&mut questions, 0..MAX_QUESTIONS as u64 + 5);
    assert!(questions.is_full());
    let mut rounds = Vec::new();
    for _ in 0..100 {
        rounds.extend(questions.begin(1));
        questions.tick();
    }
    assert_eq!(rounds, (0..MAX_ROUNDS as u64).collect::<Vec<_>>());
    assert_eq!(answered(&mut questions, rounds[MAX_ROUNDS - 1]).len(), MAX_QUESTIONS);
    assert!(!questions.is_full());
}
