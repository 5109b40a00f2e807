//! What are the things of the demo world called, and how is a whole scene put into one sentence?

use serde::{Deserialize, Serialize};

use super::scene::{Group, Scene};
use super::vocabulary::{Background, Colour, Kind, Place, Size};

/// A language of captions, questions and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// Both.
    pub const ALL: &'static [Self] = &[Self::English, Self::Chinese];
}

/// One thing's names: one of them, several of them, in Chinese, and its Chinese measure word.
pub(super) struct Noun {
    pub(super) one: &'static str,
    pub(super) many: &'static str,
    pub(super) chinese: &'static str,
    pub(super) measure: &'static str,
}

impl Kind {
    pub(super) fn noun(self) -> Noun {
        let (one, many, chinese, measure) = match self {
            Self::Cat => ("cat", "cats", "猫", "只"),
            Self::Dog => ("dog", "dogs", "狗", "只"),
            Self::Rabbit => ("rabbit", "rabbits", "兔子", "只"),
            Self::Bird => ("bird", "birds", "鸟", "只"),
            Self::Fish => ("fish", "fish", "鱼", "条"),
            Self::Butterfly => ("butterfly", "butterflies", "蝴蝶", "只"),
            Self::Turtle => ("turtle", "turtles", "乌龟", "只"),
            Self::Bus => ("bus", "buses", "公交车", "辆"),
            Self::Car => ("car", "cars", "轿车", "辆"),
            Self::Boat => ("boat", "boats", "船", "艘"),
            Self::Plane => ("plane", "planes", "飞机", "架"),
            Self::Rocket => ("rocket", "rockets", "火箭", "枚"),
            Self::Tree => ("tree", "trees", "树", "棵"),
            Self::Flower => ("flower", "flowers", "花", "朵"),
            Self::Mushroom => ("mushroom", "mushrooms", "蘑菇", "个"),
            Self::Cactus => ("cactus", "cacti", "仙人掌", "棵"),
            Self::Apple => ("apple", "apples", "苹果", "个"),
            Self::Sun => ("sun", "suns", "太阳", "个"),
            Self::Moon => ("moon", "moons", "月亮", "个"),
            Self::Star => ("star", "stars", "星星", "颗"),
            Self::Cloud => ("cloud", "clouds", "云", "朵"),
            Self::House => ("house", "houses", "房子", "座"),
            Self::Chair => ("chair", "chairs", "椅子", "把"),
            Self::Cup => ("cup", "cups", "杯子", "个"),
            Self::Bottle => ("bottle", "bottles", "瓶子", "个"),
            Self::Clock => ("clock", "clocks", "时钟", "个"),
            Self::Key => ("key", "keys", "钥匙", "把"),
            Self::Umbrella => ("umbrella", "umbrellas", "雨伞", "把"),
            Self::Ball => ("ball", "balls", "球", "个"),
            Self::Hat => ("hat", "hats", "帽子", "顶"),
            Self::Crown => ("crown", "crowns", "皇冠", "顶"),
            Self::Heart => ("heart", "hearts", "爱心", "颗"),
        };
        Noun { one, many, chinese, measure }
    }

    /// Its name for so many of them.
    pub(super) fn name(self, language: Language, count: usize) -> &'static str {
        let noun = self.noun();
        match language {
            Language::Chinese => noun.chinese,
            Language::English if count == 1 => noun.one,
            Language::English => noun.many,
        }
    }
}

impl Colour {
    pub(super) fn name(self, language: Language) -> &'static str {
        let (english, chinese) = match self {
            Self::Red => ("red", "红色"),
            Self::Orange => ("orange", "橙色"),
            Self::Yellow => ("yellow", "黄色"),
            Self::Green => ("green", "绿色"),
            Self::Blue => ("blue", "蓝色"),
            Self::Purple => ("purple", "紫色"),
            Self::White => ("white", "白色"),
            Self::Black => ("black", "黑色"),
        };
        language.choose(english, chinese)
    }
}

impl Size {
    pub(super) fn name(self, language: Language) -> &'static str {
        match self {
            Self::Small => language.choose("small", "小"),
            Self::Big => language.choose("big", "大"),
        }
    }
}

impl Place {
    /// "on the left"
    pub(super) fn phrase(self, language: Language) -> &'static str {
        match self {
            Self::Left => language.choose("on the left", "左边"),
            Self::Right => language.choose("on the right", "右边"),
            Self::Top => language.choose("at the top", "上边"),
            Self::Bottom => language.choose("at the bottom", "下边"),
            Self::Middle => language.choose("in the middle", "中间"),
        }
    }
}

impl Background {
    /// "on the grass"
    pub(super) fn phrase(self, language: Language) -> &'static str {
        match self {
            Self::Grass => language.choose("on the grass", "草地上"),
            Self::Sky => language.choose("in the sky", "天空中"),
            Self::Sand => language.choose("on the sand", "沙滩上"),
            Self::Night => language.choose("at night", "夜空中"),
            Self::Snow => language.choose("in the snow", "雪地上"),
        }
    }
}

impl Language {
    pub(super) fn choose<T>(self, english: T, chinese: T) -> T {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// A number of objects, as a word; 0 to 4.
pub(super) fn number(count: usize, language: Language) -> &'static str {
    let english = ["zero", "one", "two", "three", "four"];
    let chinese = ["零", "一", "两", "三", "四"];
    language.choose(english, chinese).get(count).copied().unwrap_or("many")
}

/// "two small red cats", "两只红色的小猫".
pub(super) fn objects(group: &Group, language: Language) -> String {
    let (count, kind) = (group.count(), group.kind);
    let (size, colour) = (group.size.name(language), group.colour.name(language));
    match language {
        Language::English => {
            let number = if count == 1 { "a" } else { number(count, language) };
            format!("{number} {size} {colour} {}", kind.name(language, count))
        }
        Language::Chinese => {
            let noun = kind.noun();
            format!("{}{}{colour}的{size}{}", number(count, language), noun.measure, noun.chinese)
        }
    }
}

/// The scene in one sentence: how many, how large, which colour, what, and where.
#[must_use]
pub fn caption(scene: &Scene, language: Language) -> String {
    let background = scene.background.phrase(language);
    match language {
        Language::English => {
            let parts: Vec<String> = scene
                .groups
                .iter()
                .map(|group| format!("{} {}", objects(group, language), group.place.phrase(language)))
                .collect();
            format!("{}, {background}.", capitalised(&parts.join(" and ")))
        }
        Language::Chinese => {
            let parts: Vec<String> = scene
                .groups
                .iter()
                .map(|group| format!("{}有{}", group.place.phrase(language), objects(group, language)))
                .collect();
            format!("{background}，{}。", parts.join("，"))
        }
    }
}

/// With a capital first letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
