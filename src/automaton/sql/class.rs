//! Kinds of terminals that stand for many texts.

macro_rules! classes {
    ($($class:ident $name:literal $length:literal,)*) => {
        /// A name in some part, or a literal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Class { $($class,)* }

        impl Class {
            /// By its name in the rules.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$class),)*
                    _ => None,
                }
            }

            /// Its name in messages.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$class => $name,)*
                }
            }

            /// About the length of such a text.
            pub fn length(self) -> u32 {
                match self {
                    $(Self::$class => $length,)*
                }
            }
        }
    };
}

classes! {
    Number "number" 1,
    String "string" 3,
    Blob "blob" 3,
    Parameter "parameter" 1,
    // Parts of expressions.
    Column "column" 4,
    Qualifier "qualifier" 4,
    Member "member" 4,
    Schema "schema" 5,
    Scalar "scalar" 4,
    Aggregate "aggregate" 4,
    Window "window" 4,
    WindowName "windowname" 20,
    Collation "collation" 6,
    Type "type" 4,
    AnyType "anytype" 9,
    // What FROM names.
    Table "table" 5,
    InTable "intable" 9,
    TableFunction "tablefunc" 12,
    UsingColumn "ucol" 4,
    Starred "starred" 5,
    // New names.
    As "as" 4,
    Ids "ids" 4,
    RelAs "relas" 4,
    RelIds "relids" 4,
    Cte "cte" 4,
    CteColumn "ctecol" 4,
    WindowDef "windowdef" 4,
    Any "any" 9,
}

impl Class {
    /// A name that the text gives to something.
    pub fn defines(self) -> bool {
        matches!(
            self,
            Self::As
                | Self::Ids
                | Self::RelAs
                | Self::RelIds
                | Self::Cte
                | Self::CteColumn
                | Self::WindowDef
                | Self::Any
        )
    }

    /// Literals are no names.
    pub fn is_literal(self) -> bool {
        matches!(self, Self::Number | Self::String | Self::Blob | Self::Parameter)
    }

    /// A text between single quotes may stand for the name.
    pub fn takes_string(self) -> bool {
        self.defines() || matches!(self, Self::Table | Self::Member | Self::Qualifier)
    }
}
