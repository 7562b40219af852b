//! Values on their way to a server and back.

/// A value as every store of ours has it. A truth is 0 or 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// A number, or a truth.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// What can be given to a store.
pub trait AsValue {
    /// The value.
    fn as_value(&self) -> Value<'_>;
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl AsValue for $kind {
            fn as_value(&self) -> Value<'_> {
                Value::Integer(i64::from(*self))
            }
        }
    )*};
}

integers!(i64, i32, u32, u16, bool);

impl AsValue for str {
    fn as_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for String {
    fn as_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for [u8] {
    fn as_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<const N: usize> AsValue for [u8; N] {
    fn as_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl AsValue for Vec<u8> {
    fn as_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<T: AsValue> AsValue for Option<T> {
    fn as_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, AsValue::as_value)
    }
}

impl<T: AsValue + ?Sized> AsValue for &T {
    fn as_value(&self) -> Value<'_> {
        (**self).as_value()
    }
}

/// The parameters of a statement: a tuple for `?1`, `?2` and so on, or names with values for `:name`.
pub trait Params {
    /// Gives each parameter by its name, which is empty where it goes by its place.
    fn each<'a>(&'a self, take: &mut dyn FnMut(&'a str, Value<'a>));
}

impl Params for &[Value<'_>] {
    fn each<'a>(&'a self, take: &mut dyn FnMut(&'a str, Value<'a>)) {
        self.iter().for_each(|value| take("", *value));
    }
}

impl Params for Vec<Value<'_>> {
    fn each<'a>(&'a self, take: &mut dyn FnMut(&'a str, Value<'a>)) {
        self.iter().for_each(|value| take("", *value));
    }
}

impl Params for () {
    fn each<'a>(&'a self, _: &mut dyn FnMut(&'a str, Value<'a>)) {}
}

impl Params for &[(&str, &dyn AsValue)] {
    fn each<'a>(&'a self, take: &mut dyn FnMut(&'a str, Value<'a>)) {
        self.iter().for_each(|(name, value)| take(name, value.as_value()));
    }
}

impl<const N: usize> Params for &[(&str, &dyn AsValue); N] {
    fn each<'a>(&'a self, take: &mut dyn FnMut(&'a str, Value<'a>)) {
        self.iter().for_each(|(name, value)| take(name, value.as_value()));
    }
}

macro_rules! tuples {
    ($($($kind:ident $place:tt),+;)+) => {$(
        impl<$($kind: AsValue),+> Params for ($($kind,)+) {
            fn each<'a>(&'a self, take: &mut dyn FnMut(&'a str, Value<'a>)) {
                $(take("", self.$place.as_value());)+
            }
        }
    )+};
}

tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}

/// What can be read from a column.
pub trait Column: Sized {
    /// What it is called in a message.
    const WANTED: &'static str;

    /// The value as this; none if it is of another kind or does not fit.
    fn read(value: Value<'_>) -> Option<Self>;
}

impl Column for i64 {
    const WANTED: &'static str = "number";

    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(number),
            Value::Null | Value::Text(_) | Value::Bytes(_) => None,
        }
    }
}

macro_rules! narrower {
    ($($kind:ty),*) => {$(
        impl Column for $kind {
            const WANTED: &'static str = "number of its size";

            fn read(value: Value<'_>) -> Option<Self> {
                i64::read(value).and_then(|number| Self::try_from(number).ok())
            }
        }
    )*};
}

narrower!(u32, u16);

impl Column for bool {
    const WANTED: &'static str = "truth";

    fn read(value: Value<'_>) -> Option<Self> {
        i64::read(value).map(|number| number != 0)
    }
}

impl Column for String {
    const WANTED: &'static str = "text";

    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.to_owned()),
            Value::Null | Value::Integer(_) | Value::Bytes(_) => None,
        }
    }
}

impl Column for Vec<u8> {
    const WANTED: &'static str = "bytes";

    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.to_vec()),
            Value::Null | Value::Integer(_) | Value::Text(_) => None,
        }
    }
}

impl<const N: usize> Column for [u8; N] {
    const WANTED: &'static str = "bytes of their number";

    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => bytes.try_into().ok(),
            Value::Null | Value::Integer(_) | Value::Text(_) => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    const WANTED: &'static str = T::WANTED;

    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            Value::Integer(_) | Value::Text(_) | Value::Bytes(_) => T::read(value).map(Some),
        }
    }
}
